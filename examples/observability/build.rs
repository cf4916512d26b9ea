//! Generates the contract.

fn main() -> Result<(), rust_scaffold_build::Error> {
    rust_scaffold_build::compile_protos("../../proto/calculator.proto")
}
