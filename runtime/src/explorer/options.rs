//! [`Explorer`]: where the page is, and who may reach it.

use crate::{
    channelz::SocketAddress,
    server::{ServeError, observer::Exposure, pages::check_path},
};

/// Where the explorer of a [`Server`](crate::Server) is, and who may reach it: see
/// [`Server::explorer`](crate::Server::explorer). Needs the feature `explorer`.
///
/// ```
/// use rust_scaffold::{Explorer, Server};
///
/// // On this machine alone:
/// let server = Server::new().explorer("/docs");
/// // For everybody who reaches the server:
/// let server = Server::new().explorer(Explorer::at("/docs").on_public_addresses());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Explorer {
    path: String,
    is_public: bool,
}

impl Explorer {
    /// The explorer at this path, such as `/docs`. With `/`, it is the home page of the server.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), is_public: false }
    }

    /// Lets the server have its explorer on an address that others may reach, or of which nothing is known, and behind
    /// proxies. Without it, serving fails on any but a loopback address or a Unix socket, and with
    /// [`proxy_protocol`](crate::Server::proxy_protocol) or [`forwarded_for`](crate::Server::forwarded_for); and requests
    /// with a header that proxies add (`forwarded`, `via`, `x-forwarded-for`, `x-real-ip`) are answered with 403. Default:
    /// not.
    ///
    /// A proxy on this machine that adds no header looks like a browser on it: take care that it does not pass on the
    /// path of the page.
    ///
    /// Everybody who reaches the page sees all services, their messages and comments. What they may call is up to the
    /// server, as ever: the page has no rights of its own. It is then answered for every host name; otherwise over
    /// HTTP/1.1 for an IP address or `localhost` alone, so that no page of another site reads it by a name of its own.
    pub fn on_public_addresses(self) -> Self {
        Self { is_public: true, ..self }
    }

    /// The path without a slash at its end; empty for `/`.
    pub(super) fn path(&self) -> &str {
        self.path.strip_suffix('/').unwrap_or(&self.path)
    }

    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }

    /// Fails if the path is none, or the page must not be served where it can be reached like that.
    pub(super) fn check(&self, exposure: Exposure<'_>) -> Result<(), ServeError> {
        let invalid = |reason| Err(ServeError::InvalidOption { option: "explorer", reason });
        check_path(&self.path, "explorer")?;
        let place = match exposure {
            _ if self.is_public => return Ok(()),
            Exposure::Address(address) if is_local(address) => return Ok(()),
            Exposure::Address(address) => format!("on {address}, where others may reach it"),
            Exposure::Proxies => "behind proxies, through which others may reach it".to_owned(),
            Exposure::Unknown => "on addresses that it does not know".to_owned(),
        };
        invalid(format!(
            "would show all services {place}: serve on 127.0.0.1 without proxies, or say \
             `Explorer::on_public_addresses`"
        ))
    }
}

impl From<&str> for Explorer {
    fn from(path: &str) -> Self {
        Self::at(path)
    }
}

impl From<String> for Explorer {
    fn from(path: String) -> Self {
        Self::at(path)
    }
}

/// Whether it is reached from this machine alone.
fn is_local(address: &SocketAddress) -> bool {
    match address {
        SocketAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        SocketAddress::Unix(_) => true,
        SocketAddress::Other(_) => false,
    }
}
