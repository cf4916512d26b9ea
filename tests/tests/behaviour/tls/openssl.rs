//! The other end is OpenSSL, which can do what rustls does not: old versions, other protocols, certificates that
//! have expired.

use std::{
    path::Path,
    process::{Output, Stdio},
};

use rust_scaffold::{ClientTls, Server, ServerTls};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{Authority, Listening, Pair, says};

fn openssl(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(folder).kill_on_drop(true);
    command
}

/// Runs openssl, which has to succeed.
async fn run(folder: &Path, arguments: &str) {
    let Output { status, stderr, .. } = openssl(folder, arguments).output().await.unwrap();
    assert!(status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&stderr));
}

/// What `openssl s_client` prints of a connection to `server`.
async fn s_client(server: &Listening, arguments: &str) -> String {
    let arguments = format!("s_client -connect {} {arguments}", server.address);
    let client = openssl(Path::new("."), &arguments).stdin(Stdio::null()).output();
    let Output { stdout, stderr, .. } = client.await.unwrap();
    [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// An OpenSSL server with the certificate of `pair`, until it is dropped, and its port.
async fn s_server(folder: &Path, pair: &Pair, arguments: &str) -> (Child, u16) {
    pair.write(folder, "server");
    let arguments =
        format!("s_server -accept 127.0.0.1:0 -cert server.crt -key server.key {arguments}");
    let mut server = openssl(folder, &arguments);
    let server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut server = server.unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("it accepts connections");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (server, port);
        }
    }
}

#[tokio::test]
async fn old_versions_are_refused() {
    let server = Listening::start(Authority::new().issue(&["localhost"]).server()).await;
    for (version, line) in [("-tls1_2", "Protocol  : TLSv1.2"), ("-tls1_3", "New, TLSv1.3")] {
        let text = s_client(&server, &format!("{version} -alpn h2")).await;
        says(&text, &[line, "ALPN protocol: h2"]);
    }
    for version in ["-tls1", "-tls1_1"] {
        // Level 0 lets OpenSSL itself offer them.
        let text = s_client(&server, &format!("{version} -alpn h2 -cipher ALL:@SECLEVEL=0")).await;
        says(&text, &["Cipher is (NONE)", "SSL alert number"]);
    }
}

#[tokio::test]
async fn a_client_that_offers_other_protocols_only_is_refused() {
    let tls = Authority::new().issue(&["localhost"]).server();
    let server = Listening::start_as(Server::new().tls(tls.clone()).accept_http1(false)).await;
    says(&s_client(&server, "-alpn http/1.1").await, &["alert no application protocol"]);
    let server = Listening::start(tls).await;
    says(&s_client(&server, "-alpn http/1.0").await, &["alert no application protocol"]);
    says(&s_client(&server, "-alpn http/1.1").await, &["ALPN protocol: http/1.1"]);
    says(&s_client(&server, "-alpn http/1.1,h2").await, &["ALPN protocol: h2"]);
    says(&s_client(&server, "").await, &["No ALPN negotiated", "New, TLSv1.3"]);
}

#[tokio::test]
async fn a_server_without_http2_is_not_connected_to() {
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let pair = ca.issue(&["localhost"]);
    for (arguments, reason) in
        [("-alpn http/1.1", "does not speak HTTP/2 over TLS"), ("", "did not choose it")]
    {
        let (_server, port) = s_server(folder.path(), &pair, arguments).await;
        let builder = rust_scaffold::Channel::builder(format!("https://localhost:{port}"));
        let tls = ClientTls::new().ca_pem(ca.pem());
        says(&builder.tls(tls).connect().await.unwrap_err().to_string(), &[reason, "h2"]);
    }
}

#[tokio::test]
async fn a_server_of_an_old_version_is_not_connected_to() {
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let pair = ca.issue(&["localhost"]);
    for version in ["-tls1", "-tls1_1"] {
        // Level 0 lets OpenSSL itself speak them.
        let arguments = format!("{version} -alpn h2 -cipher ALL:@SECLEVEL=0");
        let (_server, port) = s_server(folder.path(), &pair, &arguments).await;
        let builder = rust_scaffold::Channel::builder(format!("https://localhost:{port}"));
        let tls = ClientTls::new().ca_pem(ca.pem());
        says(&builder.tls(tls).connect().await.unwrap_err().to_string(), &["ProtocolVersion"]);
    }
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_is_not_connected_to() {
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (_server, port) = s_server(folder.path(), &ca.issue_expired("localhost"), "-alpn h2").await;
    let builder = rust_scaffold::Channel::builder(format!("https://localhost:{port}"));
    let tls = ClientTls::new().ca_pem(ca.pem());
    says(&builder.tls(tls).connect().await.unwrap_err().to_string(), &["certificate expired"]);
}

/// RSA, a CA between, and keys in each of the formats that OpenSSL writes.
#[tokio::test]
async fn chains_and_keys_that_openssl_has_made_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let extensions = "[ca]\nbasicConstraints=critical,CA:TRUE\n[leaf]\nsubjectAltName=DNS:localhost,\
                      URI:spiffe://example.org/openssl\n";
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    run(folder, "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -subj /CN=root")
        .await;
    run(folder, "req -newkey rsa:2048 -nodes -keyout middle.key -out middle.csr -subj /CN=middle")
        .await;
    run(
        folder,
        "x509 -req -in middle.csr -CA root.crt -CAkey root.key -out middle.crt -extfile extensions \
         -extensions ca",
    )
    .await;
    run(folder, "ecparam -name prime256v1 -genkey -noout -out sec1.key").await;
    run(folder, "genrsa -traditional -out pkcs1.key 2048").await;
    run(folder, "genpkey -algorithm ed25519 -out pkcs8.key").await;
    for key in ["sec1.key", "pkcs1.key", "pkcs8.key"] {
        run(folder, &format!("req -new -key {key} -out leaf.csr -subj /CN=leaf")).await;
        run(
            folder,
            "x509 -req -in leaf.csr -CA middle.crt -CAkey middle.key -out leaf.crt -extfile \
             extensions -extensions leaf",
        )
        .await;
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let chain = folder.join("chain.crt");
        std::fs::write(&chain, read("leaf.crt") + &read("middle.crt")).unwrap();
        let (key, root) = (folder.join(key), folder.join("root.crt"));
        let server = ServerTls::from_pem_files(&chain, &key).client_ca(&root);
        let server = Listening::start(server).await;
        let tls = ClientTls::new().ca(&root).client_certificate(&chain, &key);
        let peer = server.call(tls).await.unwrap();
        assert_eq!(peer.spiffe_id(), Some("spiffe://example.org/openssl"));
        assert_eq!(peer.peer_certificates().len(), 2);
    }
}
