//! TLS, with a certificate of the server's (`tls`) or of both sides (`mtls`): the servers, and the checks of one.
//!
//! `run.py` makes the certificates: `ca.crt` is the root above those of `server` and `client`, which another CA has
//! issued; `other.crt` has issued that of `stranger`, and nobody trusts it.

use std::path::Path;

use rust_scaffold::{Channel, ClientTls, Code, ServerTls, Status};

use crate::{
    checks::{self, report},
    contract::calculator::{AddRequest, CalculatorClient},
};

/// Whom a server sees by the certificate of `client`.
const CLIENT: &str = "spiffe://example.org/client";

/// What a client tries, and what comes of it: whom the server has seen, if anybody, or a refusal.
type Attempt = (&'static str, ClientTls, Result<Option<&'static str>, Code>);

const REFUSED: Result<Option<&str>, Code> = Err(Code::Unavailable);

pub(crate) fn server(folder: &Path) -> ServerTls {
    ServerTls::from_pem_files(folder.join("server.crt"), folder.join("server.key"))
}

pub(crate) fn mutual_server(folder: &Path) -> ServerTls {
    server(folder).client_ca(folder.join("ca.crt"))
}

/// Prints a line for each check; true when all have passed.
pub(crate) async fn check(address: &str, folder: &Path) -> bool {
    let trusting = |ca: &str| ClientTls::new().ca(folder.join(ca));
    let other_name = trusting("ca.crt").server_name("other.example");
    let attempts: [Attempt; 3] = [
        ("tls with the certificate of the server", trusting("ca.crt"), Ok(None)),
        ("tls of an unknown ca is refused", trusting("other.crt"), REFUSED),
        ("tls with another name is refused", other_name, REFUSED),
    ];
    check_each(address, &attempts).await
}

/// Prints a line for each check; true when all have passed.
pub(crate) async fn check_mutual(address: &str, folder: &Path) -> bool {
    let trusting = |ca: &str| ClientTls::new().ca(folder.join(ca));
    let with = |ca: &str, client: &str| {
        let [certificate, key] = ["crt", "key"].map(|kind| folder.join(format!("{client}.{kind}")));
        trusting(ca).client_certificate(certificate, key)
    };
    let other_name = with("ca.crt", "client").server_name("other.example");
    let attempts: [Attempt; 5] = [
        ("mtls with both certificates", with("ca.crt", "client"), Ok(Some(CLIENT))),
        ("mtls without a client certificate is refused", trusting("ca.crt"), REFUSED),
        ("mtls with a client of an unknown ca is refused", with("ca.crt", "stranger"), REFUSED),
        ("mtls of an unknown ca is refused", with("other.crt", "client"), REFUSED),
        ("mtls with another name is refused", other_name, REFUSED),
    ];
    check_each(address, &attempts).await
}

/// The attempts, and all kinds of call with the TLS of the first one, which succeeds.
async fn check_each(address: &str, attempts: &[Attempt]) -> bool {
    let mut passed = true;
    for (name, tls, expected) in attempts {
        let seen = add(address, tls).await;
        let as_expected = match &seen {
            Ok(peer) => *expected == Ok(peer.as_deref()),
            Err(status) => *expected == Err(status.code()),
        };
        passed &= report(name, as_expected.then_some(()).ok_or(format!("{seen:?}")));
    }
    match connect(address, &attempts[0].1).await {
        Ok(channel) => checks::run_calls_and_sizes(&channel, address).await && passed,
        Err(_) => false,
    }
}

/// Whom the server has seen, by its answer.
async fn add(address: &str, tls: &ClientTls) -> Result<Option<String>, Status> {
    let calculator = CalculatorClient::new(connect(address, tls).await?);
    let sum = calculator.add(AddRequest { a: 5, b: 3 }).await?;
    assert_eq!(sum.get_ref().result, 8);
    let peer = sum.metadata().get("x-peer").map(|peer| peer.to_str().map(str::to_owned));
    peer.transpose().map_err(|_| Status::internal("x-peer is no text"))
}

async fn connect(address: &str, tls: &ClientTls) -> Result<Channel, Status> {
    Ok(Channel::builder(format!("https://{address}")).tls(tls.clone()).connect().await?)
}
