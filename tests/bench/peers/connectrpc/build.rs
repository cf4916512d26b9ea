//! Generates the service of the benchmark.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    connectrpc_build::Config::new()
        .files(&["../../load/bench.proto"])
        .includes(&["../../load"])
        .include_file("_connectrpc.rs")
        .compile()?;
    Ok(())
}
