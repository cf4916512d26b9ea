//! What a handler can learn about its connection.

use std::net::SocketAddr;

use http::Extensions;
use tokio::net::TcpStream;

use crate::call::downcast::downcast_ref;

/// The addresses of a TCP connection. A [`Server`](crate::Server) with
/// [`connect_info`](crate::Server::connect_info) puts it into the extensions of each request that arrives
/// over TCP.
///
/// ```
/// # use rust_scaffold::{ConnectInfo, Request};
/// fn caller<T>(request: &Request<T>) -> Option<std::net::IpAddr> {
///     let info = request.extensions().get::<ConnectInfo>()?;
///     Some(info.remote_addr()?.ip())
/// }
///
/// // As a test of a handler makes one.
/// let mut request = Request::new(());
/// let addresses = ["10.0.0.1:50051", "10.0.0.2:40000"].map(|it| it.parse().unwrap());
/// request.extensions_mut().insert(ConnectInfo::tcp(addresses[0], addresses[1]));
/// assert_eq!(caller(&request), Some("10.0.0.2".parse().unwrap()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectInfo {
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
}

impl ConnectInfo {
    /// A TCP connection between `local_addr`, the server's address, and `remote_addr`, the client's.
    pub fn tcp(local_addr: SocketAddr, remote_addr: SocketAddr) -> Self {
        Self { local_addr, remote_addr }
    }

    /// The server's address, if the connection has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local_addr)
    }

    /// The client's address, if the connection has one.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.remote_addr)
    }

    pub(super) fn of<IO: 'static>(connection: &IO) -> Option<Self> {
        let tcp = downcast_ref::<_, TcpStream>(connection)?;
        Some(Self::tcp(tcp.local_addr().ok()?, tcp.peer_addr().ok()?))
    }

    pub(crate) fn describe(&self, extensions: &mut Extensions) {
        #[cfg(feature = "tonic-transport")]
        extensions.insert(tonic::transport::server::TcpConnectInfo {
            local_addr: self.local_addr(),
            remote_addr: self.remote_addr(),
        });
        extensions.insert(self.clone());
    }
}
