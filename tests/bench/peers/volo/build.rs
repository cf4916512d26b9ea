//! Generates the service of the benchmark.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    volo_build::Builder::protobuf()
        .add_service("../../load/bench.proto")
        .include_dirs(vec!["../../load".into()])
        .filename("bench.rs".into())
        .write()?;
    Ok(())
}
