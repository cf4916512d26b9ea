//! [`ClientIp`]: who has made a call, behind proxies.

use std::net::IpAddr;

/// The address of the client that has made a request, in the request's extensions on a server with
/// [`forwarded_for`](crate::Server::forwarded_for). An IPv4 address is one, however it was written.
///
/// ```
/// # use rust_scaffold::{ClientIp, Request};
/// fn caller<T>(request: &Request<T>) -> Option<std::net::IpAddr> {
///     request.extensions().get().map(ClientIp::address)
/// }
///
/// // In a test of a handler:
/// let mut request = Request::new(());
/// request.extensions_mut().insert(ClientIp::new([203, 0, 113, 7].into()));
/// assert_eq!(caller(&request), Some([203, 0, 113, 7].into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The client with this address: for tests of handlers.
    pub fn new(address: IpAddr) -> Self {
        Self(address)
    }

    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.0
    }
}
