//! Name resolution: from the target of a channel to the addresses of its server.
//!
//! See [gRPC's name resolution](https://github.com/grpc/grpc/blob/master/doc/naming.md).

#[cfg(not(target_family = "wasm"))]
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::{fmt, future::Future, io, pin::Pin};

use http::{Uri, uri::PathAndQuery};

use super::target::{Endpoint, Target};

/// Finds the addresses of a server.
///
/// A target with a scheme of its own gets an implementation of its own, chosen in [`of_target`].
pub(super) trait Resolver: Send + Sync {
    /// The current addresses, in the order in which to dial them. Asked before each connection attempt, so
    /// a server that has moved is found again.
    fn resolve(&self) -> Resolution<'_>;
}

/// A future of addresses.
pub(super) type Resolution<'a> =
    Pin<Box<dyn Future<Output = io::Result<Vec<Address>>> + Send + 'a>>;

/// The resolver for `target`.
pub(super) fn of_target(target: &Target) -> Box<dyn Resolver> {
    match &target.endpoint {
        #[cfg(not(target_family = "wasm"))]
        Endpoint::Tcp { host, port } => Box::new(Dns { host: host.clone(), port: *port }),
        #[cfg(unix)]
        Endpoint::Unix(path) => Box::new(Passthrough(Address::Unix(path.clone()))),
        // The connector says that it cannot connect to it.
        #[cfg(any(target_family = "wasm", not(unix)))]
        _ => passthrough(target),
    }
}

/// Leaves the resolution of `target` to the connector.
pub(super) fn passthrough(target: &Target) -> Box<dyn Resolver> {
    Box::new(Passthrough(Address::Target(target.uri(PathAndQuery::from_static("/")))))
}

/// An address, as a connector is passed it.
#[derive(Clone, Debug)]
pub(super) enum Address {
    #[cfg(not(target_family = "wasm"))]
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
    /// The target itself: the connector resolves it.
    Target(Uri),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(not(target_family = "wasm"))]
            Self::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
            Self::Target(uri) => uri.fmt(f),
        }
    }
}

/// Looks names up in DNS.
#[cfg(not(target_family = "wasm"))]
struct Dns {
    host: String,
    port: u16,
}

#[cfg(not(target_family = "wasm"))]
impl Resolver for Dns {
    fn resolve(&self) -> Resolution<'_> {
        Box::pin(async {
            let addresses = tokio::net::lookup_host((&*self.host, self.port)).await?;
            Ok(interleave(addresses.collect()).into_iter().map(Address::Tcp).collect())
        })
    }
}

/// An address that needs no resolution.
struct Passthrough(Address);

impl Resolver for Passthrough {
    fn resolve(&self) -> Resolution<'_> {
        Box::pin(std::future::ready(Ok(vec![self.0.clone()])))
    }
}

/// Alternates between the address family that DNS prefers and the other one, as in [RFC
/// 8305](https://www.rfc-editor.org/rfc/rfc8305#section-4).
#[cfg(not(target_family = "wasm"))]
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == prefers_v6);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_the_preferred_one_is_first() {
        let [v4, w4] = ["1.1.1.1:1", "2.2.2.2:1"];
        let [v6, w6, x6] = ["[::1]:1", "[::2]:1", "[::3]:1"];
        for (resolved, dialled) in [
            (&[v6, w6, x6, v4, w4][..], &[v6, v4, w6, w4, x6][..]),
            (&[v4, w4, v6], &[v4, v6, w4]),
            (&[v4, w4], &[v4, w4]),
            (&[], &[]),
        ] {
            assert_eq!(interleave(addresses(resolved)), addresses(dialled));
        }
    }
}
