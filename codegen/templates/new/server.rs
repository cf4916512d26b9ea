// Written by `cargo scaffold new`, once: this file is yours.
//! Serves until Ctrl-C or SIGTERM, as the environment says:
//!
//! - `ADDRESS`: where to listen (default: `[::]:50051`)
//! - `TLS_CERT`, `TLS_KEY`: PEM files, read again when they change (default: no TLS)
//! - `TLS_CLIENT_CA`: a PEM file with the CAs whose clients are served (default: all clients are)
//! - `PROBE_ADDRESS`: a port of its own for health checks without TLS (default: none)

use std::{env, io, process::ExitCode};

use rust_scaffold::{Server, ServerTls};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> io::Result<()> {
    let server = @crate@::services::server()
        @built_in@
        .log_calls()
        .shutdown_on_signal();
    let address = variable("ADDRESS").unwrap_or_else(|| "[::]:50051".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("serving on {}", listener.local_addr()?);
    with_environment(server).serve_listener(listener).await
}

fn with_environment(mut server: Server) -> Server {
    if let (Some(certificate), Some(key)) = (variable("TLS_CERT"), variable("TLS_KEY")) {
        let mut tls = ServerTls::from_pem_files(certificate, key);
        if let Some(ca) = variable("TLS_CLIENT_CA") {
            tls = tls.client_ca(ca);
        }
        server = server.tls(tls);
    }
    match variable("PROBE_ADDRESS") {
        Some(address) => server.probe(address),
        None => server,
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
