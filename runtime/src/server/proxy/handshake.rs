//! [`ProxyProtocol`]: the header with which a proxy begins a connection is read before anything else.

use std::{
    error::Error,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::io::AsyncRead;

use super::{
    header,
    networks::{NetworkList, TrustedNetworks},
};
use crate::{
    connection::{
        connect_info::ConnectInfo,
        connected::{Connected, ConnectedIo},
        handshake::Handshake,
    },
    server::error::ServeError,
};

/// Which proxies begin connections to a [`Server`](crate::Server) with a header of the PROXY protocol: see
/// [`Server::proxy_protocol`](crate::Server::proxy_protocol).
///
/// ```
/// use rust_scaffold::{ProxyProtocol, Server};
///
/// let server = Server::new().proxy_protocol(ProxyProtocol::from_trusted(["10.0.0.0/8"]));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ProxyProtocol(NetworkList);

impl ProxyProtocol {
    /// Takes connections of proxies in these networks, such as `10.0.0.0/8`, `fd00::/8` or `192.0.2.1`, and refuses all
    /// others: whoever may connect could otherwise say that it is somebody else. `unix:` stands for Unix sockets. If one
    /// is no network, or there is none, serving fails.
    pub fn from_trusted(networks: impl IntoIterator<Item: Into<String>>) -> Self {
        Self(NetworkList::new(networks))
    }
}

/// Finds out who is at the other end of a server's connections, if somebody wants to know.
pub(crate) struct ProxyReader {
    /// The proxies that say it themselves. None if there are none.
    trusted: Option<TrustedNetworks>,
    wants_info: bool,
    warned: Warned,
}

/// Whether there has been a warning of a refusal, by its kind: each connection can cause one, and they would fill the log.
/// Port scans, which are not trusted, do not use up that of a proxy that is not set up as it should be.
#[derive(Default)]
struct Warned {
    untrusted: AtomicBool,
    malformed: AtomicBool,
}

impl ProxyReader {
    /// # Errors
    /// Those of the networks of `protocol`.
    pub(crate) fn new(
        protocol: Option<&ProxyProtocol>,
        wants_info: bool,
    ) -> Result<Arc<Self>, ServeError> {
        let trusted = protocol.map(|ProxyProtocol(networks)| networks.parse("proxy_protocol"));
        let trusted = trusted.transpose()?;
        Ok(Arc::new(Self { trusted, wants_info, warned: Warned::default() }))
    }

    /// `accepted`, of which it is to be found out.
    pub(crate) fn handshake<C>(self: &Arc<Self>, accepted: C) -> ProxyHandshake<C> {
        ProxyHandshake { accepted, reader: Arc::clone(self) }
    }

    /// What is known of the connection on `io` if it begins with the header of one of the `trusted` proxies.
    async fn read(
        &self,
        trusted: &TrustedNetworks,
        io: &mut (impl Connected + AsyncRead + Unpin),
    ) -> io::Result<ConnectInfo> {
        let info = io.connect_info();
        if !trusted.contain_peer(&info) {
            let reason = "comes from no proxy that `Server::proxy_protocol` trusts";
            return Err(refusal(&self.warned.untrusted, &info, reason));
        }
        match header::read(io).await {
            Ok(Some(told)) => Ok(info.on_behalf_of(told.destination, told.source)),
            Ok(None) => Ok(info),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(refusal(&self.warned.malformed, &info, &error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

/// A connection, whose proxy may tell on whose behalf it has connected.
pub(crate) struct ProxyHandshake<C> {
    accepted: C,
    reader: Arc<ProxyReader>,
}

impl<C: Handshake> Handshake for ProxyHandshake<C> {
    // Also without a proxy: everything behind it would otherwise be compiled twice.
    type Io = ConnectedIo<C::Io>;

    async fn handshake(self) -> io::Result<Self::Io> {
        let Self { accepted, reader } = self;
        let mut io = accepted.handshake().await?;
        let info = match &reader.trusted {
            Some(trusted) => Some(reader.read(trusted, &mut io).await?),
            None => reader.wants_info.then(|| io.connect_info()),
        };
        Ok(ConnectedIo::known(io, info))
    }
}

/// Why a connection is refused that the server and its proxy would have to agree on.
fn refusal(has_warned: &AtomicBool, info: &ConnectInfo, reason: &str) -> io::Error {
    let text = match info.remote_addr() {
        Some(address) => format!("the connection from {address} {reason}"),
        None => format!("a connection {reason}"),
    };
    match has_warned.swap(true, Ordering::Relaxed) {
        false => io::Error::new(io::ErrorKind::PermissionDenied, FirstRefusal(text)),
        true => io::Error::new(io::ErrorKind::PermissionDenied, text),
    }
}

/// The first refusal of its kind.
#[derive(Debug)]
struct FirstRefusal(String);

impl fmt::Display for FirstRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for FirstRefusal {}

/// Whether the server, or the proxy in front of it, is not set up as it should be, and there was no warning of it yet.
pub(crate) fn is_first_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<FirstRefusal>)
}
