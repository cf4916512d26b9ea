//! What an address of a server says: where to connect to, and what to call it there.

use std::path::PathBuf;

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use tonic::Status;

/// A server's address.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As the user wrote it.
    address: String,
    pub(super) place: Place,
    scheme: Scheme,
    authority: Authority,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// What `address` says, such as `http://localhost:50051` or `unix:/run/calculator.sock`.
    pub(super) fn parse(address: &str) -> Result<Self, Status> {
        match address.strip_prefix("unix:") {
            Some(path) => Ok(Self::unix(address, path.strip_prefix("//").unwrap_or(path))),
            None => Self::tcp(address).ok_or_else(|| no_address(address)),
        }
    }

    fn unix(address: &str, path: &str) -> Self {
        Self {
            address: address.to_owned(),
            place: Place::Unix(path.into()),
            scheme: Scheme::HTTP,
            authority: Authority::from_static("localhost"),
        }
    }

    fn tcp(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return None;
        }
        let (scheme, authority) = (uri.scheme()?.clone(), uri.authority()?.clone());
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let place = Place::Tcp {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
        };
        Some(Self { address: address.to_owned(), place, scheme, authority })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether TLS is asked for.
    pub(super) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The URI of `path` there.
    pub(super) fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        // It has all of its parts.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

fn no_address(address: &str) -> Status {
    Status::invalid_argument(format!(
        "`{address}` is no address to connect to: expected one like http://localhost:50051 or \
         unix:/run/calculator.sock"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str) -> Option<String> {
        Some(match Target::parse(address).ok()?.place {
            Place::Tcp { host, port } => format!("{host} {port}"),
            Place::Unix(path) => path.to_str()?.to_owned(),
        })
    }

    #[test]
    fn addresses_say_where_to_connect_to() {
        assert_eq!(place("http://localhost:50051").unwrap(), "localhost 50051");
        assert_eq!(place("http://[::1]:50051/").unwrap(), "::1 50051");
        assert_eq!(place("http://example.com").unwrap(), "example.com 80");
        assert_eq!(place("https://example.com").unwrap(), "example.com 443");
        assert_eq!(place("unix:relative.sock").unwrap(), "relative.sock");
        assert_eq!(place("unix:/run/a.sock").unwrap(), "/run/a.sock");
        assert_eq!(place("unix:///run/a.sock").unwrap(), "/run/a.sock");
    }

    #[test]
    fn anything_else_is_no_address() {
        for address in ["", "localhost", "localhost:50051", "http://", "ftp://a", "http://a/path"] {
            assert_eq!(place(address), None, "{address}");
        }
    }
}
