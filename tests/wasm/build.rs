//! Generates messages, and clients where the feature is on.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::configure()
        .build_server(false)
        .build_client(std::env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .mock(rust_scaffold_build::Mock::Never)
        .compile_protos(&["../../proto/telemetry.proto"], &["../../proto"])
}
