// Written by `cargo scaffold new`, once: this file is yours.
//! Generates the contract. No protoc has to be installed.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure()
        .include_file("mod.rs")
        // The client reads and writes JSON by the descriptors.
        .file_descriptor_set(true)
        .compile_protos(&[@protos@], &["proto"])
}
