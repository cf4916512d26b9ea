//! TLS behind a proxy that passes on connections as they are.

use rust_scaffold::{ClientTls, ProxyProtocol};

use super::Authority;
use crate::proxies::{Callers, VERSION_1, VERSION_2, add, through};

#[tokio::test]
async fn a_header_comes_before_the_handshake_of_tls() {
    let ca = Authority::new();
    let callers = Callers::default();
    let server = callers.server().tls(ca.issue(&["localhost"]).server());
    let server = server.proxy_protocol(ProxyProtocol::from_trusted(["127.0.0.1"]));
    let address = Callers::serve(server).await;
    for (header, remote) in [(VERSION_1, "203.0.113.7:4711"), (VERSION_2, "[2001:db8::7]:4711")] {
        let channel = through("https://localhost", address, header);
        let channel = channel.tls(ClientTls::new().ca_pem(ca.pem())).connect().await.unwrap();
        let caller = callers.of_call(add(), channel).await;
        assert_eq!(caller.info.remote_addr(), Some(remote.parse().unwrap()));
        assert!(caller.info.tls().is_some());
        let proxy = caller.info.proxy().unwrap();
        assert_eq!(proxy.remote_addr().unwrap().ip(), address.ip());
    }
}
