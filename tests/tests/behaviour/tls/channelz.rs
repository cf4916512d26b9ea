//! What channelz shows of TLS.

use rust_scaffold::{ClientTls, Server, ServerTls};

use super::{Authority, Listening, Pair, add};
use crate::{
    admin::{channel, server, server_id, server_sockets, socket, subchannel},
    channelz_v1::{
        Socket,
        security::{Model, Tls, tls::CipherSuite},
    },
};

fn tls(socket: Socket) -> Tls {
    match socket.security.unwrap().model.unwrap() {
        Model::Tls(tls) => tls,
        other @ Model::Other(_) => panic!("{other:?}"),
    }
}

/// What both ends of a connection show, with or without a certificate of the client, which the server asks for.
async fn ends(ca: &Authority, of_server: &Pair, of_client: Option<&Pair>) -> [Tls; 2] {
    let asking = of_server.server().client_ca_pem(ca.pem()).client_auth_optional(true);
    ends_with(asking, ca, of_client).await
}

async fn ends_with(server_tls: ServerTls, ca: &Authority, of_client: Option<&Pair>) -> [Tls; 2] {
    let running = Listening::start_as(Server::new().tls(server_tls)).await;
    let client_tls = ClientTls::new().ca_pem(ca.pem());
    let client_tls = match of_client {
        Some(pair) => client_tls.client_certificate_pem(&pair.certificate, &pair.key),
        None => client_tls,
    };
    let connected = running.channel().tls(client_tls).connect().await.unwrap();
    add(connected.clone()).await.unwrap();
    let target = format!("https://localhost:{}", running.address.port());
    let id = subchannel(&channel(&target).await).await.socket_ref[0].socket_id;
    let here = tls(socket(id).await.unwrap());
    let id = server_sockets(server_id(&server(running.address).await), 10).await[0];
    [here, tls(socket(id).await.unwrap())]
}

#[tokio::test]
async fn both_ends_show_the_cipher_and_both_certificates() {
    let ca = Authority::new();
    let [of_server, of_client] = [ca.issue(&["localhost"]), ca.issue(&["client"])];
    let [here, there] = ends(&ca, &of_server, Some(&of_client)).await;
    assert_eq!(here.cipher_suite, there.cipher_suite);
    let Some(CipherSuite::StandardName(name)) = here.cipher_suite else { panic!("no name") };
    assert!(name.starts_with("TLS_AES_") || name.starts_with("TLS_CHACHA20_"), "{name}");
    assert_eq!(here.local_certificate, of_client.der);
    assert_eq!(here.remote_certificate, of_server.der);
    assert_eq!(there.local_certificate, of_server.der);
    assert_eq!(there.remote_certificate, of_client.der);
}

#[tokio::test]
async fn a_client_without_a_certificate_shows_none() {
    let ca = Authority::new();
    let of_server = ca.issue(&["localhost"]);
    let [here, there] = ends(&ca, &of_server, None).await;
    assert!(here.local_certificate.is_empty() && there.remote_certificate.is_empty());
    assert_eq!(here.remote_certificate, of_server.der);
}

#[tokio::test]
async fn a_certificate_that_the_server_does_not_ask_for_is_not_shown() {
    let ca = Authority::new();
    let [of_server, of_client] = [ca.issue(&["localhost"]), ca.issue(&["client"])];
    let [here, there] = ends_with(of_server.server(), &ca, Some(&of_client)).await;
    assert!(here.local_certificate.is_empty() && there.remote_certificate.is_empty());
    assert_eq!(there.local_certificate, of_server.der);
}
