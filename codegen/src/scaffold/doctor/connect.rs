//! The only part of `doctor` that talks to a server: what it answers, with TLS and without.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

use super::{
    address::Address,
    http2::{self, Http2Reply},
};

/// What is at an address.
#[derive(Debug)]
pub(super) enum Peer {
    Unreachable(io::Error),
    Reached { tls: Option<Tls>, spoken: SpokenProtocol },
}

/// What a handshake has told.
#[derive(Debug, Default)]
pub(super) struct Tls {
    /// The protocol that the server has chosen, if it has chosen one.
    pub(super) alpn: Option<Vec<u8>>,
    /// Its own, in DER.
    pub(super) certificate: Option<Vec<u8>>,
    /// Whether it has asked for one of ours.
    pub(super) asks_for_certificate: bool,
}

/// What is spoken, within TLS if there is any.
#[derive(Debug)]
pub(super) enum SpokenProtocol {
    Http2(Http2Reply),
    /// The first line of the answer, if there was one.
    Http1(Option<String>),
    /// The connection has ended, and why.
    Ended(Option<String>),
    Silence,
    Other,
}

/// More than a server says that has been asked for so little.
const ENOUGH: usize = 1 << 16;

/// Talks to a server for so long at most, with TLS first: without it, nobody can tell a server that
/// waits for TLS from one that is slow.
pub(super) fn probe(address: &Address, timeout: Duration) -> Peer {
    let with_tls =
        connect(address, timeout).and_then(|stream| within_tls(address, stream, timeout));
    match with_tls {
        Ok(Some(peer)) => peer,
        Ok(None) => match connect(address, timeout) {
            Ok(mut stream) => {
                let spoken = exchange(&mut stream, ("http", address), timeout);
                Peer::Reached { tls: None, spoken }
            }
            Err(error) => Peer::Unreachable(error),
        },
        Err(error) => Peer::Unreachable(error),
    }
}

fn connect(address: &Address, timeout: Duration) -> io::Result<TcpStream> {
    let mut result = Err(io::Error::other("the name has no address"));
    for address in (&*address.host, address.port).to_socket_addrs()? {
        result = TcpStream::connect_timeout(&address, timeout);
        if let Ok(stream) = &result {
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            break;
        }
    }
    result
}

/// `None` if it is no TLS.
fn within_tls(
    address: &Address,
    mut stream: TcpStream,
    timeout: Duration,
) -> io::Result<Option<Peer>> {
    let asked = Arc::new(Asked::default());
    let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(config(&asked)?, name).map_err(io::Error::other)?;
    let until = Instant::now() + timeout;
    while connection.is_handshaking() {
        let done = connection.complete_io(&mut stream);
        if let Err(error) = done.and_then(|_| in_time(until)) {
            let refused = refusal(&error).map(|why| Peer::Reached {
                tls: Some(Tls { asks_for_certificate: asked.read(), ..Tls::default() }),
                spoken: SpokenProtocol::Ended(Some(why)),
            });
            return Ok(refused);
        }
    }
    let certificates = connection.peer_certificates().unwrap_or_default();
    let tls = Tls {
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        certificate: certificates.first().map(|certificate| certificate.to_vec()),
        asks_for_certificate: asked.read(),
    };
    let spoken = match tls.alpn.as_deref() {
        Some(b"http/1.1") => SpokenProtocol::Http1(None),
        _ => exchange(&mut StreamOwned::new(connection, stream), ("https", address), timeout),
    };
    Ok(Some(Peer::Reached { tls: Some(tls), spoken }))
}

fn in_time(until: Instant) -> io::Result<()> {
    if Instant::now() < until { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}

/// Why a server that speaks TLS does not speak it with us; `None` if what it speaks is no TLS.
fn refusal(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidMessage(_) => None,
        Error::AlertReceived(alert) => Some(format!("{alert:?}")),
        other => Some(other.to_string()),
    }
}

fn config(asked: &Arc<Asked>) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(schemes)));
    let mut config = config.with_client_cert_resolver(asked.clone());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes every certificate: nothing is told to the server that is a secret, and nothing that it says
/// is relied on.
#[derive(Debug)]
struct AcceptAnyCertificate(Vec<SignatureScheme>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// Whether the server asks for a certificate. There is none for it, and the alert with which it may
/// end the connection then is lost if it does not read on.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl Asked {
    // Handshakes are made on one thread.
    fn read(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Says what HTTP/2 begins with, and listens.
fn exchange(
    stream: &mut (impl Read + Write),
    (scheme, address): (&str, &Address),
    timeout: Duration,
) -> SpokenProtocol {
    let until = Instant::now() + timeout;
    let greeting = http2::greeting(scheme, &address.authority());
    // Whoever does not want it may still say why.
    let mut ended = stream.write_all(&greeting).and_then(|()| stream.flush()).err();
    let (mut said, mut buffer, mut is_acknowledged) = (Vec::new(), [0; 4096], false);
    while said.len() < ENOUGH {
        match stream.read(&mut buffer).and_then(|read| in_time(until).map(|()| read)) {
            Ok(0) => break,
            Ok(read) => said.extend(&buffer[..read]),
            Err(error) => {
                ended = Some(error);
                break;
            }
        }
        match http2::parse_frames(&said) {
            Some(reply) if reply.is_complete() => break,
            Some(reply) if reply.settings && !is_acknowledged => {
                is_acknowledged = stream.write_all(&http2::settings_ack()).is_ok();
            }
            Some(_) => {}
            None if said.contains(&b'\n') => break,
            None => {}
        }
    }
    understand(&said, ended.as_ref())
}

/// What has been said, and how it ended.
fn understand(said: &[u8], ended: Option<&io::Error>) -> SpokenProtocol {
    if let Some(reply) = http2::parse_frames(said).filter(|reply| reply.settings) {
        return SpokenProtocol::Http2(reply);
    }
    if said.starts_with(b"HTTP/1.") {
        let line = String::from_utf8_lossy(said);
        return SpokenProtocol::Http1(line.lines().next().map(|line| line.trim_end().to_owned()));
    }
    let is_late =
        |it: &io::Error| matches!(it.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
    match (said, ended) {
        ([], Some(error)) if is_late(error) => SpokenProtocol::Silence,
        ([], _) => {
            SpokenProtocol::Ended(ended.map(|it| refusal(it).unwrap_or_else(|| it.to_string())))
        }
        _ => SpokenProtocol::Other,
    }
}
