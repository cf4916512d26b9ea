//! Generates the service of the benchmark.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut prost = tonic_prost_build::Config::new();
    prost.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("bench.bin");
    tonic_prost_build::configure()
        .bytes(".")
        .file_descriptor_set_path(descriptors)
        .compile_with_config(prost, &["../../load/bench.proto"], &["../../load"])?;
    Ok(())
}
