//! Generates the services that are fuzzed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    rust_scaffold_build::configure()
        .mock(rust_scaffold_build::Mock::Always)
        .compile_protos(&["telemetry.proto"], &["../../proto"])?;
    rust_scaffold_build::configure()
        .mock(rust_scaffold_build::Mock::Never)
        .compile_protos(&["mirror.proto"], &["../proto"])?;
    Ok(())
}
