//! Generates the contracts, one that no server fulfils, and random messages.

mod types;

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    rust_scaffold_build::configure().include_file("contracts.rs").compile_protos(
        &["calculator.proto", "greeter.proto", "telemetry.proto"],
        &["../../proto"],
    )?;

    rust_scaffold_build::configure()
        .include_file("mirrors.rs")
        .compile_protos(&["mirror.proto", "rest.proto"], &["../proto"])?;

    let random = Path::new(&env::var("OUT_DIR")?).join("types");
    fs::create_dir_all(&random)?;
    println!("cargo:rerun-if-changed=types.rs");
    let protos = types::protos();
    for (name, text) in &protos {
        fs::write(random.join(name), text)?;
    }
    fs::write(random.join("implementations.rs"), types::implementations())?;
    let files: Vec<_> = protos.iter().map(|(name, _)| name).collect();
    rust_scaffold_build::configure()
        .build_client(false)
        .mock(rust_scaffold_build::Mock::Never)
        // They have just been written: cargo would run this again each time.
        .emit_rerun_if_changed(false)
        .out_dir(&random)
        .include_file("mod.rs")
        .compile_protos(&files, &[&random])?;

    let newer = Path::new(&env::var("OUT_DIR")?).join("newer");
    fs::create_dir_all(&newer)?;
    rust_scaffold_build::configure()
        .build_server(false)
        .out_dir(newer)
        .compile_protos(&["calculator.proto"], &["newer"])?;
    Ok(())
}
