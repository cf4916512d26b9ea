//! Generates the service of the benchmark.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure()
        .mock(rust_scaffold_build::Mock::Never)
        .compile_protos(&["shop.proto"], &[".", "../../../proto"])
}
