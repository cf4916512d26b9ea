//! Generates the contracts, and one that no server fulfils.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    rust_scaffold_build::configure().include_file("contracts.rs").compile_protos(
        &["calculator.proto", "greeter.proto", "telemetry.proto"],
        &["../../proto"],
    )?;

    rust_scaffold_build::configure()
        .include_file("mirrors.rs")
        .compile_protos(&["mirror.proto", "rest.proto"], &["../proto"])?;

    let newer = Path::new(&env::var("OUT_DIR")?).join("newer");
    fs::create_dir_all(&newer)?;
    rust_scaffold_build::configure()
        .build_server(false)
        .out_dir(newer)
        .compile_protos(&["calculator.proto"], &["newer"])?;
    Ok(())
}
