//! Generates the service of the benchmark.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut prost = tonic_prost_build::Config::new();
    prost.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    tonic_prost_build::configure().bytes(".").compile_with_config(
        prost,
        &["../../load/bench.proto"],
        &["../../load"],
    )?;
    Ok(())
}
