//! What is known about a connection: its addresses, the peer's credentials, and what a handshake learned.

#[cfg(unix)]
use std::os::unix::net as unix;
use std::{net::SocketAddr, sync::Arc};

use http::Extensions;

use crate::channelz::{SocketAddress, SocketFacts};
#[cfg(feature = "_tls")]
use crate::tls::TlsInfo;

/// What is known about a connection. A [`Server`](crate::Server) with
/// [`connect_info`](crate::Server::connect_info) puts it into the extensions of each request.
///
/// It comes from the connection's I/O, by [`Connected`](crate::Connected): addresses from TCP, addresses and
/// the peer's credentials from a Unix socket, and what a [`Handshake`](crate::Handshake) has learned from the
/// I/O that it returns. Behind a proxy that speaks the [PROXY protocol](crate::Server::proxy_protocol), the addresses are
/// those of the client's connection to the proxy, and the extensions are those that the handshake has set. Clones share their contents.
///
/// ```
/// # use rust_scaffold::{ConnectInfo, Request};
/// fn caller<T>(request: &Request<T>) -> Option<std::net::IpAddr> {
///     let info = request.extensions().get::<ConnectInfo>()?;
///     Some(info.remote_addr()?.ip())
/// }
///
/// // In a test of a handler:
/// let mut request = Request::new(());
/// let addresses = ["10.0.0.1:50051", "10.0.0.2:40000"].map(|it| it.parse().unwrap());
/// request.extensions_mut().insert(ConnectInfo::tcp(addresses[0], addresses[1]));
/// assert_eq!(caller(&request), Some("10.0.0.2".parse().unwrap()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConnectInfo(Arc<ConnectionFacts>);

#[derive(Clone, Debug, Default)]
struct ConnectionFacts {
    local_addr: Option<SocketAddr>,
    remote_addr: Option<SocketAddr>,
    #[cfg(unix)]
    local_unix_addr: Option<unix::SocketAddr>,
    #[cfg(unix)]
    remote_unix_addr: Option<unix::SocketAddr>,
    peer_credentials: Option<PeerCredentials>,
    #[cfg(feature = "_tls")]
    tls: Option<TlsInfo>,
    proxy: Option<ConnectInfo>,
    extensions: Extensions,
}

impl ConnectInfo {
    /// A TCP connection between `local_addr`, the server's address, and `remote_addr`, the client's. What
    /// is known of other connections begins with [`default`](Self::default), which is nothing.
    pub fn tcp(local_addr: SocketAddr, remote_addr: SocketAddr) -> Self {
        Self::default().with_local_addr(local_addr).with_remote_addr(remote_addr)
    }

    /// A connection over a Unix socket between `local_addr`, the server's address, and `remote_addr`, the
    /// client's, which is usually unnamed.
    #[cfg(unix)]
    pub fn unix(local_addr: unix::SocketAddr, remote_addr: unix::SocketAddr) -> Self {
        Self::default().update(|facts| {
            facts.local_unix_addr = Some(local_addr);
            facts.remote_unix_addr = Some(remote_addr);
        })
    }

    /// The server's IP address and port, if the connection has them.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr
    }

    /// The client's IP address and port, if the connection has them.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.0.remote_addr
    }

    /// The server's address on a Unix socket.
    #[cfg(unix)]
    pub fn local_unix_addr(&self) -> Option<&unix::SocketAddr> {
        self.0.local_unix_addr.as_ref()
    }

    /// The client's address on a Unix socket, which is usually unnamed.
    #[cfg(unix)]
    pub fn remote_unix_addr(&self) -> Option<&unix::SocketAddr> {
        self.0.remote_unix_addr.as_ref()
    }

    /// The user, the group and the process that have connected to a Unix socket.
    pub fn peer_credentials(&self) -> Option<&PeerCredentials> {
        self.0.peer_credentials.as_ref()
    }

    /// What the TLS handshake has negotiated, and the names in the client's certificate, if the server has
    /// [`tls`](crate::Server::tls).
    #[cfg(feature = "_tls")]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.0.tls.as_ref()
    }

    /// The proxy's connection to the server, if the proxy has told the client's addresses by the
    /// [PROXY protocol](crate::Server::proxy_protocol): the proxy's own address is the `remote_addr` of this one.
    pub fn proxy(&self) -> Option<&Self> {
        self.0.proxy.as_ref()
    }

    /// Whatever else is known, by its type: what a [`Handshake`](crate::Handshake) has learned.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Sets the server's IP address and port.
    #[must_use]
    pub fn with_local_addr(self, addr: SocketAddr) -> Self {
        self.update(|facts| facts.local_addr = Some(addr))
    }

    /// Sets the client's IP address and port.
    #[must_use]
    pub fn with_remote_addr(self, addr: SocketAddr) -> Self {
        self.update(|facts| facts.remote_addr = Some(addr))
    }

    /// Sets the user, the group and the process that have connected.
    #[must_use]
    pub fn with_peer_credentials(self, credentials: PeerCredentials) -> Self {
        self.update(|facts| facts.peer_credentials = Some(credentials))
    }

    /// Sets what a TLS handshake has shown.
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn with_tls(self, tls: TlsInfo) -> Self {
        self.update(|facts| facts.tls = Some(tls))
    }

    /// Sets what is known of the connection of the proxy that this one has come through.
    #[must_use]
    pub fn with_proxy(self, proxy: Self) -> Self {
        self.update(|facts| facts.proxy = Some(proxy))
    }

    /// What is known of the connection of a client between these addresses, of which its proxy has told on this one. What
    /// a handshake has learned is not about addresses, and remains known.
    pub(crate) fn on_behalf_of(self, local_addr: SocketAddr, remote_addr: SocketAddr) -> Self {
        let extensions = self.0.extensions.clone();
        let client = Self::tcp(local_addr, remote_addr).with_proxy(self);
        client.update(|facts| facts.extensions = extensions)
    }

    /// Adds a value to the [`extensions`](Self::extensions), in place of one of the same type.
    #[must_use]
    pub fn with_extension<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.update(|facts| {
            facts.extensions.insert(value);
        })
    }

    /// What channelz shows of it.
    pub(crate) fn socket_facts(&self) -> SocketFacts {
        let [local, remote] = [self.0.local_addr, self.0.remote_addr];
        let facts = SocketFacts {
            local: local.map(SocketAddress::Tcp),
            remote: remote.map(SocketAddress::Tcp),
            ..SocketFacts::default()
        };
        #[cfg(unix)]
        let facts = SocketFacts {
            local: facts.local.or_else(|| Some(SocketAddress::of_unix(self.local_unix_addr()?))),
            remote: facts.remote.or_else(|| Some(SocketAddress::of_unix(self.remote_unix_addr()?))),
            ..facts
        };
        #[cfg(feature = "_tls")]
        let facts = SocketFacts { security: self.tls().map(TlsInfo::security), ..facts };
        facts
    }

    fn update(mut self, update: impl FnOnce(&mut ConnectionFacts)) -> Self {
        update(Arc::make_mut(&mut self.0));
        self
    }

    /// Puts it into a request's extensions.
    pub(crate) fn insert_into(&self, extensions: &mut Extensions) {
        #[cfg(feature = "tonic-transport")]
        if self.0.local_addr.is_some() || self.0.remote_addr.is_some() {
            extensions.insert(tonic::transport::server::TcpConnectInfo {
                local_addr: self.0.local_addr,
                remote_addr: self.0.remote_addr,
            });
        }
        extensions.insert(self.clone());
    }
}

/// The user, the group and the process at the other end of a Unix socket, as they were when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

impl PeerCredentials {
    /// The credentials of a process of the user `uid`, with the effective group `gid`. `pid` is its
    /// identifier, where the platform tells it.
    pub fn new(uid: u32, gid: u32, pid: Option<i32>) -> Self {
        Self { uid, gid, pid }
    }

    /// The identifier of the user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The identifier of the effective group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The identifier of the process, where the platform tells it: Linux, Android, the BSDs, macOS and
    /// Solaris do. The process may have ended since, and its identifier may be that of another one.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_does_not_see_what_is_added_later() {
        let info = ConnectInfo::default().with_extension("a");
        let later = info.clone().with_extension("b").with_extension(1);
        assert_eq!(info.extensions().get(), Some(&"a"));
        assert_eq!(info.extensions().get::<i32>(), None);
        assert_eq!((later.extensions().get(), later.extensions().get()), (Some(&"b"), Some(&1)));
    }

    /// Tonic's own is about TCP.
    #[test]
    fn a_request_is_told_once_and_with_the_feature_in_tonics_words_too() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let tonics = usize::from(cfg!(feature = "tonic-transport"));
        for (info, expected) in
            [(ConnectInfo::default(), 1), (ConnectInfo::tcp(addr, addr), 1 + tonics)]
        {
            let mut extensions = Extensions::new();
            info.insert_into(&mut extensions);
            assert_eq!(extensions.len(), expected);
            let told = extensions.get::<ConnectInfo>().and_then(ConnectInfo::remote_addr);
            assert_eq!(told, info.remote_addr());
        }
    }
}
