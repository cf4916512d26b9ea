//! Generates the same protos by us and by the peers, each into a folder of its own.

use std::{env, error::Error, fs, path::PathBuf};

use rust_scaffold_build::Mock;

const PROTOS: [&str; 2] = ["../../proto/calculator.proto", "../../proto/telemetry.proto"];
const INCLUDES: [&str; 1] = ["../../proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for peer in ["scaffold", "mocked", "tonic"] {
        fs::create_dir_all(out.join(peer))?;
    }
    // Without mocks: the peers have none to compare them with.
    for (folder, mock) in [("scaffold", Mock::Never), ("mocked", Mock::Always)] {
        rust_scaffold_build::configure()
            .out_dir(out.join(folder))
            .include_file("mod.rs")
            .mock(mock)
            .compile_protos(&PROTOS, &INCLUDES)?;
    }

    let mut prost = tonic_prost_build::Config::new();
    prost.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    tonic_prost_build::configure()
        .out_dir(out.join("tonic"))
        .include_file("mod.rs")
        .compile_with_config(prost, &PROTOS, &INCLUDES)?;
    Ok(())
}
