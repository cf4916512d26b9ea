//! The Rust peer: serves the scenarios of `README.md`, or checks a server that does.

mod auth;
mod chain;
mod checks;
mod contract;
mod relay;
mod scenarios;
mod tls;

use std::{env, error::Error, io, path::Path, process::ExitCode};

use tokio::net::{TcpListener, UnixListener};

const USAGE: &str = "\
Usage: interop serve               serve on a free port of 127.0.0.1 and print it
       interop serve unix:PATH     serve on a Unix socket
       interop serve tls FOLDER    serve with TLS and the certificates in a folder
       interop serve auth FOLDER   serve with TLS, to callers with a token
       interop chain [HOST:PORT]   serve as a part of a chain, whose next service is there
       interop check HOST:PORT     run every check
       interop check HOST:PORT tls FOLDER
                                   run those of TLS
       interop check HOST:PORT auth FOLDER
                                   run those of tokens";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve"] => serve().await?,
        ["serve", address] if address.starts_with("unix:") => serve_unix(address).await?,
        ["serve", "tls", folder] => tls::serve(Path::new(folder)).await?,
        ["serve", "auth", folder] => auth::serve(Path::new(folder)).await?,
        ["chain"] => chain::serve(None).await?,
        ["chain", next] => chain::serve(Some(next)).await?,
        ["check", address, "tls", folder] if tls::check(address, Path::new(folder)).await => {}
        ["check", address, "auth", folder] if auth::check(address, Path::new(folder)).await => {}
        ["check", address] if checks::run(address).await => {}
        ["check", _] | ["check", _, "tls" | "auth", _] => return Ok(ExitCode::FAILURE),
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    scenarios::serve(listener).await
}

async fn serve_unix(address: &str) -> io::Result<()> {
    let listener = UnixListener::bind(address.trim_start_matches("unix:"))?;
    println!("listening on {address}");
    scenarios::serve(listener).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn our_client_and_our_server_pass_every_check() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(scenarios::serve(listener));
        assert!(checks::run(&address).await, "see the lines above");
    }
}
