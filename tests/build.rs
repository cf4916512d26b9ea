//! Generates the contracts of the tests, and a test for each block of Rust in `docs/testing.md`.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use rust_scaffold_build::Mock;

const GUIDE: &str = "../docs/testing.md";

fn main() -> Result<(), Box<dyn Error>> {
    rust_scaffold_build::configure()
        .mock(Mock::Always)
        .compile_protos(&["calculator.proto", "greeter.proto", "telemetry.proto"], &["../proto"])?;
    println!("cargo:rerun-if-changed={GUIDE}");
    let tests = tests_of(&fs::read_to_string(GUIDE)?);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("testing_guide.rs"), tests)?;
    Ok(())
}

/// Each block as the body of a test, in virtual time unless it says otherwise.
fn tests_of(guide: &str) -> String {
    let mut tests = String::new();
    let mut lines = guide.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let paused = match line {
            "```rust" => true,
            "```rust,real-time" => false,
            _ => continue,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(tests, "#[tokio::test(start_paused = {paused})]");
        let _ = writeln!(tests, "async fn block_at_line_{number}() {{");
        for (line, _) in lines.by_ref().take_while(|(line, _)| *line != "```") {
            let _ = writeln!(tests, "{line}");
        }
        tests.push_str("}\n\n");
    }
    tests
}
