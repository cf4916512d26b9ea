//! Generates the contracts; their mocks are in tests, and nowhere else.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure()
        .compile_protos(&["calculator.proto", "telemetry.proto"], &["../../proto"])
}
