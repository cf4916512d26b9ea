//! TLS between clients and servers, with real certificates.

mod auth;
mod channelz;
mod files;
mod handshakes;
mod identities;
mod openssl;
mod probes;
mod proxies;
mod raw;
mod rotation;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use rust_scaffold::{
    Channel, ChannelBuilder, ClientTls, ConnectError, ConnectInfo, Request, Response, Server,
    ServerTls, Status, TlsInfo,
};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
    station::Station,
    telemetry::TelemetryServer,
};

/// A CA.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate, with those that lead to its root, and its key, in PEM.
#[derive(Clone)]
struct Pair {
    certificate: String,
    key: String,
    /// The certificate, in DER.
    der: Vec<u8>,
}

impl Authority {
    fn new() -> Self {
        static CREATED: AtomicUsize = AtomicUsize::new(0);
        Self::named(&format!("root {}", CREATED.fetch_add(1, Ordering::Relaxed)))
    }

    fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(Self::params(name), key).unwrap())
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// A CA whose certificate this one issues.
    fn intermediate(&self) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(Self::params("intermediate"), key, &self.0).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a DNS name, an IP address or a URI.
    fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(names, |_| {})
    }

    fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let (uris, names): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| name.contains(':'));
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let uris = uris.into_iter().map(|uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }

    fn issue_expired(&self, name: &str) -> Pair {
        self.issue_with(&[name], |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 12, 31);
        })
    }

    /// A list that revokes certificates.
    fn crl(&self, revoked: &[u64]) -> String {
        let now = date_time_ymd(2026, 1, 1);
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

impl Pair {
    fn server(&self) -> ServerTls {
        ServerTls::from_pem(&self.certificate, &self.key)
    }

    /// Writes both into `folder`.
    fn write(&self, folder: &Path, name: &str) -> [PathBuf; 2] {
        let contents = [("crt", &self.certificate), ("key", &self.key)];
        contents.map(|(end, pem)| {
            let path = folder.join(format!("{name}.{end}"));
            std::fs::write(&path, pem).unwrap();
            path
        })
    }
}

/// Keeps what its handler has learned of the connection.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<Vec<TlsInfo>>>);

impl Peers {
    fn last(&self) -> TlsInfo {
        self.0.lock().unwrap().pop().unwrap()
    }
}

impl Calculator for Peers {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let tls = request.extensions().get::<ConnectInfo>().and_then(ConnectInfo::tls);
        self.0.lock().unwrap().push(tls.unwrap().clone());
        let AddRequest { a, b } = request.into_inner();
        Ok(Response::new(AddResponse { result: a + b }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not this one"))
    }
}

/// A server that listens on `127.0.0.1`.
struct Listening {
    address: SocketAddr,
    peers: Peers,
}

impl Listening {
    async fn start(tls: ServerTls) -> Self {
        Self::start_as(Server::new().tls(tls)).await
    }

    async fn start_as(server: Server) -> Self {
        let (listener, address) = listen().await;
        let peers = Peers::default();
        let server = server
            .connect_info(true)
            .add_service(CalculatorServer::new(peers.clone()))
            .add_service(TelemetryServer::new(Station::default()));
        tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
        Self { address, peers }
    }

    /// A channel to it under the name `localhost`.
    fn channel(&self) -> ChannelBuilder {
        Channel::builder(format!("https://localhost:{}", self.address.port()))
    }

    /// Makes a call, for which it connects.
    async fn call(&self, tls: ClientTls) -> Result<TlsInfo, ConnectError> {
        add(self.channel().tls(tls).connect().await?).await.unwrap();
        Ok(self.peers.last())
    }

    /// The text of the failure of a call for which it connects. A server that refuses the client's certificate
    /// may say so only after the client has completed its handshake.
    async fn refusal(&self, tls: ClientTls) -> String {
        match self.channel().tls(tls).connect().await {
            Err(error) => error.to_string(),
            Ok(channel) => add(channel).await.unwrap_err().message().to_owned(),
        }
    }
}

async fn add(channel: Channel) -> Result<(), Status> {
    let sum = CalculatorClient::new(channel).add(AddRequest { a: 1, b: 2 }).await?;
    assert_eq!(sum.into_inner().result, 3);
    Ok(())
}

/// Whether `text` has all of `words` in it.
#[track_caller]
fn says(text: &str, words: &[&str]) {
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}
