//! Generates what the behaviour tests call, through the build helper.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure().compile_protos(
        &["../proto/calculator.proto", "../proto/greeter.proto", "../proto/telemetry.proto"],
        &["../proto"],
    )
}
