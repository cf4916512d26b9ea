//! Generates the service that is fuzzed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    rust_scaffold_build::configure()
        .mock(rust_scaffold_build::Mock::Always)
        .compile_protos(&["telemetry.proto"], &["../../proto"])?;
    Ok(())
}
