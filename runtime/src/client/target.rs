//! Parses server addresses.

use std::{net::Ipv6Addr, path::PathBuf};

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

use super::error::ConnectError;

/// A parsed server address.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The address as given by the user.
    address: String,
    pub(super) endpoint: Endpoint,
    scheme: Scheme,
    authority: Authority,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// Parses an `address` such as `http://localhost:50051` or `unix:/run/calculator.sock`.
    pub(super) fn parse(address: &str) -> Result<Self, ConnectError> {
        let target = match address.strip_prefix("unix:") {
            Some(path) => unix_path(path).map(|path| Self::unix(address, path)),
            None => Self::tcp(address),
        };
        target.map_err(|reason| invalid_address(address, reason))
    }

    fn unix(address: &str, path: &str) -> Self {
        Self {
            address: address.to_owned(),
            endpoint: Endpoint::Unix(path.into()),
            scheme: Scheme::HTTP,
            authority: Authority::from_static("localhost"),
        }
    }

    /// Parsed here, because `http::Uri` accepts invalid ports and drops fragments.
    fn tcp(address: &str) -> Result<Self, String> {
        if address.contains('@') {
            return Err("gRPC sends no user name or password from an address".into());
        }
        let Some((scheme, rest)) = address.split_once("://") else {
            return Err("it has no scheme".into());
        };
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::HTTP, 80),
            "https" => (Scheme::HTTPS, 443),
            _ => return Err(format!("`{scheme}` is not a known scheme")),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(rest, "" | "/") {
            return Err(format!("nothing may follow the host and port, got `{rest}`"));
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.map_or(Ok(default_port), parse_port)?;
        let endpoint = Endpoint::Tcp { host: host.to_owned(), port };
        let authority = authority.parse().map_err(|_| format!("`{host}` is not a host name"))?;
        Ok(Self { address: address.to_owned(), endpoint, scheme, authority })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether the scheme asks for TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The host that the address names, for which the server's certificate has to be.
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    pub(super) fn host(&self) -> &str {
        match &self.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) => "localhost",
        }
    }

    /// A Unix socket has no scheme of its own: it takes on that of TLS.
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    pub(super) fn secure_unix(&mut self) {
        if let Endpoint::Unix(_) = self.endpoint {
            self.scheme = Scheme::HTTPS;
        }
    }

    /// The URI of `path` on this server.
    pub(super) fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        // Cannot fail: scheme, authority and path are all present.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// The path in `unix:path`. After `//`, it must be absolute.
fn unix_path(path: &str) -> Result<&str, String> {
    let (path, must_be_absolute) = match path.strip_prefix("//") {
        Some(path) => (path, true),
        None => (path, false),
    };
    if path.is_empty() {
        return Err("it has no path of a socket".into());
    }
    if must_be_absolute && !path.starts_with('/') {
        return Err(format!("no host may be named: expected `unix:///{path}` or `unix:{path}`"));
    }
    #[cfg(unix)]
    std::os::unix::net::SocketAddr::from_pathname(path)
        .map_err(|error| format!("its path is not one of a socket: {error}"))?;
    Ok(path)
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').unwrap_or((rest, ""));
        return match (host.parse::<Ipv6Addr>(), port.strip_prefix(':')) {
            (Ok(_), None) if port.is_empty() && authority.ends_with(']') => Ok((host, None)),
            (Ok(_), Some(port)) => Ok((host, Some(port))),
            _ => Err(format!("`{authority}` is not an IPv6 address in brackets, and a port")),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if port.is_some_and(|port| port.contains(':')) {
        return Err("an IPv6 address has to be in brackets, as in `[::1]`".into());
    }
    match host {
        "" => Err("it has no host".into()),
        host => Ok((host, port)),
    }
}

fn parse_port(port: &str) -> Result<u16, String> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|number| digits && *number > 0);
    number.ok_or_else(|| format!("the port `{port}` is not a number from 1 to 65535"))
}

/// The error for an invalid `address`. It does not repeat userinfo, which may contain a password.
fn invalid_address(address: &str, reason: String) -> ConnectError {
    let address = match address.rsplit_once('@').filter(|_| !address.starts_with("unix:")) {
        Some((_, host)) => format!("…@{host}"),
        None => address.to_owned(),
    };
    ConnectError::InvalidAddress { address, reason }
}

/// An extension of calls whose requests carry the scheme and the authority of this URI.
#[derive(Clone, Debug)]
pub(super) struct Origin(Uri);

impl Origin {
    pub(super) fn new(uri: Uri) -> Self {
        Self(uri)
    }

    /// The URI of `path` at this origin.
    pub(super) fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = self.0.clone().into_parts();
        // `example.com:443` is an authority, and a URI needs a scheme with it.
        if parts.authority.is_some() {
            parts.scheme.get_or_insert(http::uri::Scheme::HTTP);
        }
        parts.path_and_query = Some(path.clone());
        Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Option<String> {
        Some(match Target::parse(address).ok()?.endpoint {
            Endpoint::Tcp { host, port } => format!("{host} {port}"),
            Endpoint::Unix(path) => path.to_str()?.to_owned(),
        })
    }

    #[test]
    fn addresses_say_where_to_connect_to() {
        assert_eq!(endpoint("http://localhost:50051").unwrap(), "localhost 50051");
        assert_eq!(endpoint("http://[::1]:50051/").unwrap(), "::1 50051");
        assert_eq!(endpoint("http://example.com").unwrap(), "example.com 80");
        assert_eq!(endpoint("https://example.com").unwrap(), "example.com 443");
        assert_eq!(endpoint("HTTP://LOCALHOST:1").unwrap(), "LOCALHOST 1");
        assert_eq!(endpoint("http://[::ffff:127.0.0.1]").unwrap(), "::ffff:127.0.0.1 80");
        assert_eq!(endpoint("unix:relative.sock").unwrap(), "relative.sock");
        assert_eq!(endpoint("unix:/run/a.sock").unwrap(), "/run/a.sock");
        assert_eq!(endpoint("unix:///run/a.sock").unwrap(), "/run/a.sock");
    }

    #[test]
    fn anything_else_is_no_address() {
        for address in [
            "",
            "localhost",
            "localhost:50051",
            "http://",
            "ftp://a",
            "http://a/path",
            "http://a:+1",
            "http://[::1",
            "http://[::1]x",
            "http://[::1]1",
            "http://[]:1",
            "http://a b",
            "http://a%20b",
            " http://a",
        ] {
            assert_eq!(endpoint(address), None, "{address}");
        }
    }
}
