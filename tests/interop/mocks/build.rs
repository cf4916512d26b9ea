//! Generates the contract, with a mock for this program.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure()
        .mock(rust_scaffold_build::Mock::Always)
        .compile_protos(&["telemetry.proto"], &["../../../proto"])
}
