//! Calls a calculator, whatever it is written in.

use std::process::ExitCode;

use calculator::{CalculatorClient, args, print_results};
use rust_scaffold::Status;

#[tokio::main]
async fn main() -> ExitCode {
    let address = args::address_or_exit("http://localhost:50051");
    match call(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => {
            eprintln!("{:?}: {}", status.code(), status.message());
            ExitCode::FAILURE
        }
    }
}

async fn call(address: &str) -> Result<(), Status> {
    print_results(&CalculatorClient::connect(address).await?).await
}
