//! Serves the calculator and calls it, both in this process, over a socket.

use std::{error::Error, io};

use calculator::{CalculatorClient, CalculatorServer, MyCalculator, print_results};
use rust_scaffold::Server;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen().await?;
    let address = listener.local_addr()?;
    let server = Server::new().add_service(CalculatorServer::new(MyCalculator));
    tokio::select! {
        ended = server.serve_listener(listener) => ended?,
        called = call(format!("http://{address}")) => called?,
    }
    Ok(())
}

async fn call(address: String) -> Result<(), rust_scaffold::Status> {
    print_results(&CalculatorClient::connect(address).await?).await
}

/// Port 50051, or any free one when another program has it.
async fn listen() -> io::Result<TcpListener> {
    match TcpListener::bind("127.0.0.1:50051").await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind("127.0.0.1:0").await
        }
        bound => bound,
    }
}
