//! TLS with certificates on both sides: the server, and the checks of one.
//!
//! `run.py` makes the certificates: `ca.crt`, of which `server` and `client` have theirs, and `other.crt`, a CA that
//! has nothing to do with them.

use std::{io, path::Path};

use rust_scaffold::{Channel, ClientTls, ServerTls, Status};
use tokio::net::TcpListener;

use crate::{
    contract::calculator::{AddRequest, CalculatorClient},
    scenarios,
};

pub(crate) async fn serve(folder: &Path) -> io::Result<()> {
    let file = |name: &str| folder.join(name);
    let tls = ServerTls::from_pem_files(file("server.crt"), file("server.key"));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on localhost:{}", listener.local_addr()?.port());
    let server = scenarios::server().tls(tls.client_ca(file("ca.crt")));
    server.serve_listener(listener).await
}

/// Prints a line for each check; true when all have passed.
pub(crate) async fn check(address: &str, folder: &Path) -> bool {
    let file = |name: &str| folder.join(name);
    let pair = |tls: ClientTls| tls.client_certificate(file("client.crt"), file("client.key"));
    let trusting = ClientTls::new().ca(file("ca.crt"));
    let checks = [
        ("tls with both certificates", pair(trusting.clone()), true),
        ("tls without a client certificate is refused", trusting.clone(), false),
        ("tls of an unknown ca is refused", pair(ClientTls::new().ca(file("other.crt"))), false),
        ("tls with another name is refused", pair(trusting).server_name("other.example"), false),
    ];
    let mut passed = true;
    for (name, tls, expected) in checks {
        let added = add(address, tls).await;
        match added.is_ok() == expected {
            true => println!("ok {name}"),
            false => {
                passed = false;
                println!("FAILED {name}: {added:?}");
            }
        }
    }
    passed
}

async fn add(address: &str, tls: ClientTls) -> Result<i32, Status> {
    let channel = Channel::builder(format!("https://{address}")).tls(tls).connect().await?;
    let sum = CalculatorClient::new(channel).add(AddRequest { a: 5, b: 3 }).await?;
    Ok(sum.into_inner().result)
}
