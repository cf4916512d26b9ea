//! Certificates, keys, CAs and revocation lists that are replaced while they are in use.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::SerialNumber;
use rust_scaffold::{ClientTls, Server, ServerTls};
use tokio::time::timeout;

use super::{Authority, Listening, Pair, add};
use crate::handshakes::Log;

const LONG: Duration = Duration::from_secs(60);

/// How often servers and clients look at their files here.
const INTERVAL: Option<Duration> = Some(Duration::from_millis(10));

/// Waits until `condition` holds.
async fn until(mut condition: impl FnMut() -> bool) {
    let reached = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, reached).await.expect("the condition is reached");
}

/// Replaces a file in one step, so that nobody reads the beginning of it.
fn replace(file: &Path, contents: impl AsRef<[u8]>) {
    let beside = file.with_extension("new");
    fs::write(&beside, contents).unwrap();
    fs::rename(beside, file).unwrap();
}

impl Log {
    /// The levels of the events about files.
    fn levels(&self) -> Vec<String> {
        let log = self.0.lock().unwrap();
        let files = log.iter().filter(|text| text.contains("TLS files"));
        files.map(|text| text.split(' ').next().unwrap().to_owned()).collect()
    }
}

/// A volume of Kubernetes: files are links into `..data`, which is a link to a folder that is replaced by
/// another one.
struct Volume {
    folder: tempfile::TempDir,
    versions: usize,
}

impl Volume {
    fn new(pair: &Pair) -> Self {
        let mut volume = Self { folder: tempfile::tempdir().unwrap(), versions: 0 };
        volume.replace(pair);
        for file in volume.files() {
            let target = Path::new("..data").join(file.file_name().unwrap());
            std::os::unix::fs::symlink(target, file).unwrap();
        }
        volume
    }

    fn files(&self) -> [PathBuf; 2] {
        ["tls.crt", "tls.key"].map(|name| self.folder.path().join(name))
    }

    fn replace(&mut self, pair: &Pair) {
        let folder = self.folder.path();
        let version = |number: usize| format!("..version-{number}");
        self.versions += 1;
        let data = folder.join(version(self.versions));
        fs::create_dir(&data).unwrap();
        pair.write(&data, "tls");
        std::os::unix::fs::symlink(&data, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        // The old one goes, once nothing leads to it.
        let _ = fs::remove_dir_all(folder.join(version(self.versions - 1)));
    }
}

/// A number from the environment, for the figures that take too long for each run.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// As many as are promised with `TLS_HANDSHAKES=10000 TLS_ROTATIONS=100`.
#[cfg(unix)]
#[tokio::test]
async fn no_handshake_fails_while_certificates_are_replaced() {
    let (handshakes, rotations) = (number("TLS_HANDSHAKES", 400), number("TLS_ROTATIONS", 8));
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let ca = Authority::new();
    let mut volume = Volume::new(&ca.issue(&["localhost"]));
    let [certificate, key] = volume.files();
    let tls = ServerTls::from_pem_files(certificate, key).reload_interval(INTERVAL);
    let server = Listening::start(tls).await;
    let before = server.channel().tls(ClientTls::new().ca_pem(ca.pem())).connect().await.unwrap();

    let in_a_rotation = handshakes / rotations;
    for rotation in 1..=rotations {
        volume.replace(&ca.issue(&["localhost"]));
        let mut made = 0;
        // The rotation falls somewhere in between.
        while made < in_a_rotation || log.levels().len() < rotation {
            let calls = (0..8).map(|_| server.call(ClientTls::new().ca_pem(ca.pem())));
            for call in futures_util::future::join_all(calls).await {
                call.unwrap();
                made += 1;
            }
        }
    }
    assert_eq!(log.levels(), vec!["INFO"; rotations]);
    // A connection of the time before lives on.
    add(before).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_used_is_said_once_and_changes_nothing() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let [certificate, key] = ca.issue(&["localhost"]).write(folder.path(), "tls");
    let tls = ServerTls::from_pem_files(&certificate, &key).reload_interval(INTERVAL);
    let server = Listening::start(tls).await;
    let client = || ClientTls::new().ca_pem(ca.pem());
    // The files have been read then.
    server.call(client()).await.unwrap();
    let next = Authority::new();
    let pair = next.issue(&["localhost"]);
    let expired = next.issue_expired("localhost");
    let mut expected = Vec::new();
    for (file, contents, level) in [
        (&certificate, "not PEM", "WARN"),
        // Of the next pair, one file comes before the other.
        (&certificate, &*pair.certificate, "WARN"),
        (&key, &*pair.key, "INFO"),
        (&key, &*expired.key, "WARN"),
        (&certificate, &*expired.certificate, "WARN"),
    ] {
        replace(file, contents);
        expected.push(level);
        until(|| log.levels().len() >= expected.len()).await;
        let is_next = expected.contains(&"INFO");
        let trusted = if is_next { &next } else { &ca };
        server.call(ClientTls::new().ca_pem(trusted.pem())).await.unwrap();
        assert_eq!(log.levels(), expected);
    }
    server.call(client()).await.unwrap_err();
    // A file that is gone, and comes back.
    fs::remove_file(&key).unwrap();
    until(|| log.levels().len() == 6).await;
    replace(&key, &pair.key);
    replace(&certificate, &pair.certificate);
    until(|| log.levels().last().unwrap() == "INFO").await;
}

#[tokio::test]
async fn a_client_is_revoked_while_the_server_runs() {
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let file = |name: &str, contents: String| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    };
    let crl = file("crl.pem", ca.crl(&[1]));
    let tls = ca.issue(&["localhost"]).server().client_ca(file("ca.pem", ca.pem())).crl(&crl);
    let age = Some(Duration::from_millis(20));
    let server = Server::new().tls(tls.reload_interval(INTERVAL));
    let server = Listening::start_as(server.max_connection_age(age)).await;
    let pair = ca.issue_with(&["billing"], |it| it.serial_number = Some(SerialNumber::from(7u64)));
    let tls = ClientTls::new().ca_pem(ca.pem());
    let tls = tls.client_certificate_pem(&pair.certificate, &pair.key);
    // Its connections are replaced all the time.
    let channel = server.channel().tls(tls.clone()).connect().await.unwrap();
    add(channel.clone()).await.unwrap();
    file("crl.pem", ca.crl(&[1, 7]));
    let refused = async { while add(channel.clone()).await.is_ok() {} };
    timeout(LONG, refused).await.expect("it is refused");
    assert!(server.refusal(tls.clone()).await.contains("CertificateRevoked"));
    // And with other CAs, all clients are.
    file("ca.pem", Authority::new().pem());
    let refused = async { while !server.refusal(tls.clone()).await.contains("UnknownCA") {} };
    timeout(LONG, refused).await.expect("its CA is not trusted");
}

/// Otherwise the certificate would expire while somebody looks for what is wrong with the list.
#[tokio::test]
async fn a_certificate_is_replaced_while_a_revocation_list_cannot_be_used() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let [certificate, key] = ca.issue(&["localhost"]).write(folder.path(), "tls");
    let crl = folder.path().join("crl.pem");
    fs::write(&crl, ca.crl(&[7])).unwrap();
    let tls = ServerTls::from_pem_files(&certificate, &key).client_ca_pem(ca.pem()).crl(&crl);
    let server = Listening::start(tls.reload_interval(INTERVAL)).await;
    let numbered = |serial: u64| {
        let serial = SerialNumber::from(serial);
        ca.issue_with(&["billing"], |it| it.serial_number = Some(serial))
    };
    let client = |pair: &Pair, trusted: &Authority| {
        let tls = ClientTls::new().ca_pem(trusted.pem());
        tls.client_certificate_pem(&pair.certificate, &pair.key)
    };
    let (good, revoked) = (numbered(1), numbered(7));
    // The files have been read then.
    server.call(client(&good, &ca)).await.unwrap();
    replace(&crl, "not PEM");
    until(|| log.levels() == ["WARN"]).await;
    let next = Authority::new();
    next.issue(&["localhost"]).write(folder.path(), "tls");
    until(|| log.levels().contains(&"INFO".to_owned())).await;
    server.call(client(&good, &next)).await.unwrap();
    // The list that was read before is still in use.
    assert!(server.refusal(client(&revoked, &next)).await.contains("CertificateRevoked"));
    replace(&crl, ca.crl(&[1]));
    until(|| log.levels().iter().filter(|level| *level == "INFO").count() > 1).await;
    assert!(server.refusal(client(&good, &next)).await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn a_client_uses_the_certificate_that_has_replaced_its_own() {
    let (ca, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let [certificate, key] = ca.issue(&["first"]).write(folder.path(), "tls");
    let tls = ca.issue(&["localhost"]).server().client_ca_pem(ca.pem());
    let age = Some(Duration::from_millis(20));
    let server = Listening::start_as(Server::new().tls(tls).max_connection_age(age)).await;
    let tls = ClientTls::new().ca_pem(ca.pem()).client_certificate(&certificate, &key);
    let tls = tls.reload_interval(Some(Duration::ZERO));
    let channel = server.channel().tls(tls).connect().await.unwrap();
    add(channel.clone()).await.unwrap();
    assert_eq!(server.peers.last().dns_names(), ["first"]);
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    ca.issue(&["second"]).write(folder.path(), "tls");
    let replaced = async {
        while {
            add(channel.clone()).await.unwrap();
            server.peers.last().dns_names() != ["second"]
        } {}
    };
    timeout(LONG, replaced).await.expect("it is used");
    assert_eq!(log.levels(), ["INFO"]);
}
