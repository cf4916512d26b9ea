//! The Rust peer: serves the scenarios of `README.md`, or checks a server that does.

mod admin;
mod auth;
mod beside;
mod chain;
mod checks;
mod connect;
mod contract;
mod counting;
mod load;
mod relay;
mod rest;
mod scenarios;
mod tls;
mod types;

use std::{env, error::Error, io, path::Path, process::ExitCode, time::Duration};

use rust_scaffold::{ForwardedFor, ProxyProtocol, Server};
use tokio::net::{TcpListener, UnixListener};

const USAGE: &str = "\
Usage: interop serve               serve on a free port of 127.0.0.1 and print it
       interop serve unix:PATH     serve on a Unix socket
       interop serve KIND FOLDER   serve with TLS and the certificates in a folder
       interop proxied             serve behind proxies that begin with a header of the PROXY protocol
       interop proxied KIND FOLDER serve behind them with TLS
       interop forwarded           serve behind proxies that add x-forwarded-for
       interop connect             serve, with all types of protobuf, for clients of Connect
       interop rest                serve by rules of HTTP
       interop types               serve random types of messages
       interop types FOLDER        write their protos into a folder
       interop chain [HOST:PORT]   serve as a part of a chain, whose next service is there
       interop counting [AGE]      serve and count, over connections of so many milliseconds at the most
       interop load HOST:PORT      call a server that counts, until standard input ends
       interop beside HOST:PORT    check calls beside large transfers
       interop admin               serve and call, and print where channelz shows it
       interop check HOST:PORT     run every check
       interop check HOST:PORT KIND FOLDER
                                   run those of TLS
Kinds: tls   the server has a certificate
       mtls  clients have to have one as well
       auth  clients have to have a token";

/// Where proxies connect from.
const PROXY: &str = "127.0.0.1";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve"] => serve(scenarios::server(), "127.0.0.1").await?,
        ["serve", address] if address.starts_with("unix:") => serve_unix(address).await?,
        ["serve", kind @ ("tls" | "mtls" | "auth"), folder] => {
            serve(secure_server(kind, Path::new(folder)), "localhost").await?;
        }
        ["proxied"] => serve(proxied(scenarios::server()), "127.0.0.1").await?,
        ["proxied", kind, folder] => {
            serve(proxied(secure_server(kind, Path::new(folder))), "127.0.0.1").await?;
        }
        ["forwarded"] => {
            let trusted = ForwardedFor::from_trusted([PROXY]);
            serve(scenarios::server().forwarded_for(trusted), "127.0.0.1").await?;
        }
        ["admin"] => admin::serve().await?,
        ["connect"] => serve(connect::server(), "127.0.0.1").await?,
        ["types"] => serve(types::server(), "127.0.0.1").await?,
        ["types", folder] => types::write_protos(Path::new(folder))?,
        ["rest"] => serve(rest::server(), "127.0.0.1").await?,
        ["counting"] => serve(counting::server(None), "127.0.0.1").await?,
        ["counting", age] => {
            let age = Duration::from_millis(age.parse()?);
            serve(counting::server(Some(age)), "127.0.0.1").await?;
        }
        ["load", address] => load::run(address).await?,
        ["beside", address] => return Ok(exit_code(beside::check(address).await?)),
        ["chain"] => chain::serve(None).await?,
        ["chain", next] => chain::serve(Some(next)).await?,
        ["check", address, ref kind @ ..] => return Ok(check(address, kind).await),
        _ => return Ok(usage()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(address: &str, kind: &[&str]) -> ExitCode {
    let passed = match *kind {
        [] => checks::run(address).await,
        ["tls", folder] => tls::check(address, Path::new(folder)).await,
        ["mtls", folder] => tls::check_mutual(address, Path::new(folder)).await,
        ["auth", folder] => auth::check(address, Path::new(folder)).await,
        _ => return usage(),
    };
    exit_code(passed)
}

fn exit_code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn secure_server(kind: &str, folder: &Path) -> Server {
    let server = scenarios::server();
    match kind {
        "mtls" => server.tls(tls::mutual_server(folder)),
        "auth" => auth::guard(server.tls(tls::server(folder))),
        _ => server.tls(tls::server(folder)),
    }
}

fn proxied(server: Server) -> Server {
    server.proxy_protocol(ProxyProtocol::from_trusted([PROXY]))
}

async fn serve(server: Server, host: &str) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {host}:{}", listener.local_addr()?.port());
    server.shutdown_on_signal().serve_listener(listener).await
}

async fn serve_unix(address: &str) -> io::Result<()> {
    let listener = UnixListener::bind(address.trim_start_matches("unix:"))?;
    println!("listening on {address}");
    scenarios::server().shutdown_on_signal().serve_listener(listener).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn our_client_and_our_server_pass_every_check() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(scenarios::server().serve_listener(listener));
        assert!(checks::run(&address).await, "see the lines above");
    }
}
