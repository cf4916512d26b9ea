//! Serves the calculator until Ctrl-C or SIGTERM.

use std::{io, process::ExitCode};

use calculator::{CalculatorServer, MyCalculator, args};
use rust_scaffold::Server;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let address = args::address_or_exit("[::]:50051");
    match serve(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on {address}: {error}");
            eprintln!("--addr HOST:PORT chooses another address");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("Calculator serving on {}", listener.local_addr()?);
    Server::new()
        .shutdown_on_signal()
        .add_service(CalculatorServer::new(MyCalculator))
        .serve_listener(listener)
        .await
}
