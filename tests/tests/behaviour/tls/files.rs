//! Files that cannot be used are errors before anything is served or connected to, and name the file.

use std::{fs, io, path::PathBuf};

use rust_scaffold::{
    Channel, ClientTls, Code, ConnectError, ServeError, Server, ServerTls, Status, TlsError,
};

use super::{Authority, Pair, says};

/// Files of a CA.
struct Files {
    folder: tempfile::TempDir,
    ca: Authority,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let (folder, ca) = (tempfile::tempdir().unwrap(), Authority::new());
        let [certificate, key] = ca.issue(&["localhost"]).write(folder.path(), "tls");
        Self { folder, ca, certificate, key }
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn server(&self) -> ServerTls {
        ServerTls::from_pem_files(&self.certificate, &self.key)
    }
}

/// The error with which serving fails.
async fn error(tls: ServerTls) -> TlsError {
    let error = Server::new().tls(tls).serve("127.0.0.1:0").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    match error.downcast().unwrap() {
        ServeError::Tls { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let files = Files::new();
    let missing = files.folder.path().join("missing.pem");
    for tls in [
        ServerTls::from_pem_files(&missing, &files.key),
        ServerTls::from_pem_files(&files.certificate, &missing),
        files.server().client_ca(&missing),
        files.server().client_ca(&files.certificate).crl(&missing),
    ] {
        match error(tls).await {
            TlsError::Unreadable { file, source, .. } => {
                assert_eq!((file, source.kind()), (missing.clone(), io::ErrorKind::NotFound));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said() {
    let files = Files::new();
    let certificate = fs::read_to_string(&files.certificate).unwrap();
    let cut = files.write("cut.pem", &certificate[..certificate.len() / 2]);
    let empty = files.write("empty.pem", "");
    let text = files.write("text.pem", "Hello!\n");
    let broken = files.write("broken.pem", certificate.replace("\nMII", "\n!!!"));
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_der = files.write("no-der.pem", no_der);
    let label = "ENCRYPTED PRIVATE KEY";
    let encrypted = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let encrypted = files.write("encrypted.pem", encrypted);
    let [_, other_key] = files.ca.issue(&["localhost"]).write(files.folder.path(), "other");
    let expired = files.ca.issue_expired("localhost");
    let [expired, expired_key] = expired.write(files.folder.path(), "expired");
    let future = files.ca.issue_with(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(3000, 1, 1);
    });
    let [future, future_key] = future.write(files.folder.path(), "future");
    let (certificate, key) = (&files.certificate, &files.key);
    let pair = |certificate: &PathBuf, key: &PathBuf| ServerTls::from_pem_files(certificate, key);
    for (tls, words) in [
        (pair(&cut, key), ["cut.pem", "cut off", "END CERTIFICATE"]),
        (pair(&empty, key), ["empty.pem", "no certificate", "no PEM at all"]),
        (pair(&text, key), ["text.pem", "no certificate", "no PEM at all"]),
        (pair(&broken, key), ["broken.pem", "not PEM", "Base64"]),
        (pair(&no_der, key), ["no-der.pem", "the first certificate", "malformed"]),
        (pair(key, key), ["tls.key", "expected a PEM section `CERTIFICATE`", "`PRIVATE KEY`"]),
        (pair(certificate, certificate), ["tls.crt", "no private key", "got `CERTIFICATE`"]),
        (pair(certificate, &encrypted), ["encrypted.pem", "encrypted", "decrypt"]),
        (pair(certificate, &other_key), ["other.key", "does not belong", "tls.crt"]),
        (pair(&expired, &expired_key), ["expired.crt", "expired at 2020-12-31", ""]),
        (pair(&future, &future_key), ["future.crt", "not valid before 3000-01-01", ""]),
        (files.server().client_ca(key), ["tls.key", "no certificate", "`PRIVATE KEY`"]),
        (files.server().client_ca(&no_der), ["no-der.pem", "certificate 1", "cannot be trusted"]),
        (
            files.server().client_ca(certificate).crl(key),
            ["tls.key", "revocation list", "X509 CRL"],
        ),
        (files.server().crl(key), ["tls.key", "revo", ""]),
    ] {
        match error(tls).await {
            error @ TlsError::Invalid { .. } => says(&error.to_string(), &words),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_passed_in_memory_is_named_by_its_method() {
    let Pair { certificate, key, .. } = Authority::new().issue(&["localhost"]);
    says(&error(ServerTls::from_pem("", &key)).await.to_string(), &["`ServerTls::from_pem`"]);
    let tls = ServerTls::from_pem(&certificate, &key).client_ca_pem("");
    says(&error(tls).await.to_string(), &["`ServerTls::client_ca_pem`"]);
    // Keys are not shown.
    let shown = format!("{:?}", ServerTls::from_pem(&certificate, &key));
    assert!(!shown.contains("PRIVATE") && shown.contains("bytes"), "{shown}");
}

/// As happens to keys in environment variables.
#[tokio::test]
async fn a_key_that_has_lost_its_line_breaks_is_not_shown() {
    let Pair { certificate, key, .. } = Authority::new().issue(&["localhost"]);
    let secret = key.lines().nth(1).unwrap();
    for broken in [key.replace('\n', "\\n"), key.trim_end().replace('\n', " ")] {
        let shown = error(ServerTls::from_pem(&certificate, &broken)).await.to_string();
        assert!(!shown.contains(secret), "{shown}");
        let shown = error(ServerTls::from_pem(&broken, &key)).await.to_string();
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// Only one of them would be used.
#[tokio::test]
async fn a_ca_has_one_revocation_list() {
    let ca = Authority::new();
    let pair = ca.issue(&["localhost"]);
    let tls = pair.server().client_ca_pem(ca.pem());
    tls.clone().crl_pem(ca.crl(&[1])).check().unwrap();
    let both = tls.crl_pem(ca.crl(&[1])).crl_pem(ca.crl(&[1, 7]));
    says(&both.check().unwrap_err().to_string(), &["another revocation list of the same CA"]);
}

#[tokio::test]
async fn a_channel_is_not_made_with_files_that_cannot_be_used() {
    let files = Files::new();
    let [_, other_key] = files.ca.issue(&["localhost"]).write(files.folder.path(), "other");
    let ca = files.write("ca.pem", files.ca.pem());
    let tls = ClientTls::new().ca(&ca);
    for (tls, words) in [
        (ClientTls::new().ca(&files.key), ["tls.key", "no certificate"]),
        (tls.clone().client_certificate(&files.certificate, &other_key), ["other.key", "tls.crt"]),
    ] {
        let builder = Channel::builder("https://localhost:1").tls(tls);
        match builder.connect_lazy().unwrap_err() {
            error @ ConnectError::Tls { .. } => {
                says(&error.to_string(), &words);
                assert_eq!(io::Error::from(error.clone()).kind(), io::ErrorKind::InvalidInput);
                assert_eq!(Status::from(error).code(), Code::InvalidArgument);
            }
            other => panic!("{other}"),
        }
    }
    Channel::builder("https://localhost:1").tls(tls).connect_lazy().unwrap();
}
