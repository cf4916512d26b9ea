//! Generates the contracts of the tests, and a test for each block of Rust in the guides.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use rust_scaffold_build::Mock;

/// Where blocks are, and how the line before a block reads. rustdoc compiles the others of the
/// README, which are whole programs; those of the page about generated code are goldens.
const GUIDES: [(&str, &str, &str); 8] = [
    ("guide", "../docs/testing.md", "```rust"),
    ("readme", "../README.md", "```rust,ignore"),
    ("page", "../docs/generated-code.md", "```rust,ignore"),
    ("operations", "../docs/operations.md", "```rust"),
    ("errors", "../docs/errors.md", "```rust"),
    ("auth", "../docs/auth.md", "```rust"),
    ("observability", "../docs/observability.md", "```rust"),
    ("production", "../docs/guide.md", "```rust"),
];

fn main() -> Result<(), Box<dyn Error>> {
    rust_scaffold_build::configure()
        .dyn_traits(true)
        .decorators(true)
        .mock(Mock::Always)
        .compile_protos(&["calculator.proto", "greeter.proto", "telemetry.proto"], &["../proto"])?;
    // The clients of services that the runtime brings.
    rust_scaffold_build::configure().build_server(false).mock(Mock::Never).compile_protos(
        &[
            "grpc/channelz/v1/channelz.proto",
            "grpc/health/v1/health.proto",
            "grpc/reflection/v1/reflection.proto",
        ],
        &["../runtime/proto"],
    )?;
    // Has extensions, for reflection.
    rust_scaffold_build::configure()
        .mock(Mock::Never)
        .compile_protos(&["custom_options.proto"], &["golden/custom_options/input"])?;
    // Has what JSON has to know.
    rust_scaffold_build::configure()
        .mock(Mock::Never)
        .file_descriptor_set(true)
        .compile_protos(&["mirror.proto"], &["proto"])?;
    // Has rules of HTTP. `google/api` is another one than above.
    let rest = Path::new(&env::var("OUT_DIR")?).join("rest");
    rust_scaffold_build::configure()
        .mock(Mock::Never)
        .out_dir(rest)
        .include_file("mod.rs")
        .compile_protos(&["rest.proto"], &["proto"])?;
    // Has secrets, for the explorer.
    rust_scaffold_build::configure()
        .mock(Mock::Never)
        .compile_protos(&["redaction.proto"], &["golden/redaction/input"])?;
    let mut tests = String::new();
    for (name, path, fence) in GUIDES {
        println!("cargo:rerun-if-changed={path}");
        tests += &tests_of(name, fence, &fs::read_to_string(path)?);
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("testing_guide.rs"), tests)?;
    Ok(())
}

/// Each block as the body of a test, in virtual time unless it says otherwise.
fn tests_of(name: &str, fence: &str, guide: &str) -> String {
    let mut tests = String::new();
    let mut lines = guide.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let paused = line == fence;
        if !paused && line != "```rust,real-time" {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(tests, "#[tokio::test(start_paused = {paused})]");
        let _ = writeln!(tests, "async fn {name}_line_{number}() {{");
        for (line, _) in lines.by_ref().take_while(|(line, _)| *line != "```") {
            let _ = writeln!(tests, "{line}");
        }
        tests.push_str("}\n\n");
    }
    tests
}
