//! [`ForwardedFor`]: the client of each request, as proxies have noted it in `x-forwarded-for`.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, Request};

use super::networks::{NetworkList, TrustedNetworks};
use crate::{
    call::client_ip::ClientIp,
    connection::{
        connect_info::ConnectInfo,
        http_service::{HttpService, ServiceFuture},
    },
    protocol::{http_body::HttpBody, http_reply::HttpResponse},
    server::{error::ServeError, routes::Routes},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which proxies a [`Server`](crate::Server) believes when they say in `x-forwarded-for` on whose behalf a request is:
/// see [`Server::forwarded_for`](crate::Server::forwarded_for).
///
/// ```
/// use rust_scaffold::{ForwardedFor, Server};
///
/// let server = Server::new().forwarded_for(ForwardedFor::from_trusted(["10.0.0.0/8"]));
/// ```
///
/// Each proxy appends the address of its own client to the header. So it is read from its end, and the client is the
/// first address that is in none of the networks. What stands before it is what that client says, and is not believed. If
/// the header has no more addresses, or something that is none, the client is the last address that was found: that of
/// the connection if it has none at all, or comes from elsewhere.
#[derive(Clone, Debug)]
#[must_use]
pub struct ForwardedFor {
    networks: NetworkList,
    hops: Option<usize>,
}

impl ForwardedFor {
    /// Believes proxies in these networks, such as `10.0.0.0/8`, `fd00::/8` or `192.0.2.1`. `unix:` stands for those that
    /// connect on a Unix socket. If one is no network, or there is none, serving fails.
    pub fn from_trusted(networks: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { networks: NetworkList::new(networks), hops: None }
    }

    /// How many proxies a request passes, of which the last one is in the networks, and the others have addresses that
    /// nobody knows beforehand, such as those of a CDN. The client is then the address at this place from the end of the
    /// header, whatever network it is in. With zero, serving fails.
    ///
    /// No more than there are on every way to the server: what comes by a shorter one could have any address.
    ///
    /// ```
    /// use rust_scaffold::ForwardedFor;
    ///
    /// // A CDN, and a load balancer in 10.0.0.0/8 behind it.
    /// let forwarded = ForwardedFor::from_trusted(["10.0.0.0/8"]).hops(2);
    /// ```
    pub fn hops(self, hops: usize) -> Self {
        Self { hops: Some(hops), ..self }
    }

    /// `inner`, whose requests carry the address of their client.
    ///
    /// # Errors
    /// The networks are none, or there are no hops.
    pub(crate) fn wrap(&self, inner: Routes) -> Result<Routes, ServeError> {
        if self.hops == Some(0) {
            return Err(ServeError::zero("forwarded_for"));
        }
        let trusted = self.networks.parse("forwarded_for")?;
        let inner = inner.into_http_service();
        Ok(Routes::new(Arc::new(ForwardedRoutes { inner, trusted, hops: self.hops })))
    }
}

/// Services whose requests are told who has made them.
struct ForwardedRoutes {
    inner: Arc<dyn HttpService>,
    trusted: TrustedNetworks,
    hops: Option<usize>,
}

impl ForwardedRoutes {
    fn note_client(&self, request: &mut Request<HttpBody>) {
        let Some(info) = request.extensions().get::<ConnectInfo>() else { return };
        if let Some(client) = self.client_of(info, request.headers()) {
            request.extensions_mut().insert(ClientIp::new(client));
        }
    }

    fn client_of(&self, info: &ConnectInfo, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = info.remote_addr().map(|address| address.ip().to_canonical());
        let mut is_proxy = self.trusted.contain_peer(info);
        for (address, passed) in addresses_from_the_end(headers).zip(1..) {
            let (true, Some(address)) = (is_proxy, address) else { break };
            client = Some(address);
            is_proxy = match self.hops {
                Some(hops) => passed < hops,
                None => self.trusted.contain(address),
            };
        }
        client
    }
}

/// The addresses in `x-forwarded-for`, the one that was added last first. None stands for one that is none.
fn addresses_from_the_end(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let words = values.flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','));
    words.map(|word| parse(str::from_utf8(word).ok()?.trim()))
}

/// An address, to which some proxies add the port.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse().map(|it: SocketAddr| it.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    Some(address.ok().or_else(|| bracketed().map(Into::into))?.to_canonical())
}

impl HttpService for ForwardedRoutes {
    fn call(&self, mut request: Request<HttpBody>) -> ServiceFuture {
        self.note_client(&mut request);
        self.inner.call(request)
    }

    #[cfg(feature = "_observed")]
    fn call_from(
        &self,
        mut request: Request<HttpBody>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.note_client(&mut request);
        self.inner.call_from(request, info)
    }

    fn refuse(
        &self,
        mut request: Request<HttpBody>,
        refusal: Box<HttpResponse>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.note_client(&mut request);
        self.inner.refuse(request, refusal, info)
    }

    fn wants_info(&self) -> bool {
        self.inner.wants_info()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::server::routes::RouteTable;

    /// The client of a request from `peer` with these headers.
    fn client(forwarded: &ForwardedFor, peer: &str, values: &[&str]) -> Option<String> {
        let routes = ForwardedRoutes {
            inner: Arc::new(RouteTable::default()),
            trusted: forwarded.networks.parse("forwarded_for").unwrap(),
            hops: forwarded.hops,
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let info = match peer.parse() {
            Ok(peer) => ConnectInfo::default().with_remote_addr(peer),
            Err(_) => ConnectInfo::default(),
        };
        Some(routes.client_of(&info, &headers)?.to_string())
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy() {
        let forwarded = ForwardedFor::from_trusted(["10.0.0.0/8", "fd00::/8"]);
        for (peer, values, expected) in [
            ("10.0.0.1:80", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1:80", &["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1:80", &["6.6.6.6, 203.0.113.7 ,\t10.0.0.9"], "203.0.113.7"),
            ("10.0.0.1:80", &["6.6.6.6,203.0.113.7", "10.0.0.9"], "203.0.113.7"),
            ("10.0.0.1:80", &["6.6.6.6", "203.0.113.7", "10.0.0.9, fd00::9"], "203.0.113.7"),
            ("[::ffff:10.0.0.1]:80", &["::ffff:203.0.113.7, ::ffff:10.0.0.9"], "203.0.113.7"),
            ("10.0.0.1:80", &["203.0.113.7:4711"], "203.0.113.7"),
            ("10.0.0.1:80", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1:80", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1:80", &["2001:db8::7"], "2001:db8::7"),
            // Whoever is not trusted may say what it likes.
            ("203.0.113.7:80", &["6.6.6.6"], "203.0.113.7"),
            ("203.0.113.7:80", &["10.0.0.1"], "203.0.113.7"),
            // What is left of a header that says nothing, or nothing more.
            ("10.0.0.1:80", &[], "10.0.0.1"),
            ("10.0.0.1:80", &[""], "10.0.0.1"),
            ("10.0.0.1:80", &["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
            ("10.0.0.1:80", &["6.6.6.6, unknown, 10.0.0.9"], "10.0.0.9"),
            ("10.0.0.1:80", &["6.6.6.6, \u{fc}"], "10.0.0.1"),
        ] {
            let found = client(&forwarded, peer, values);
            assert_eq!(found.as_deref(), Some(expected), "{peer} {values:?}");
        }
        assert_eq!(client(&forwarded, "unknown", &["203.0.113.7"]), None);
    }

    #[test]
    fn with_hops_the_client_is_the_address_that_the_outermost_proxy_has_added() {
        let forwarded = ForwardedFor::from_trusted(["10.0.0.0/8"]).hops(2);
        for (peer, value, expected) in [
            ("10.0.0.1:80", "6.6.6.6, 203.0.113.7, 198.51.100.2", "203.0.113.7"),
            ("10.0.0.1:80", "6.6.6.6, 10.0.0.7, 10.0.0.9", "10.0.0.7"),
            ("10.0.0.1:80", "203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:80", "6.6.6.6, 6.6.6.7", "203.0.113.7"),
        ] {
            let found = client(&forwarded, peer, &[value]);
            assert_eq!(found.as_deref(), Some(expected), "{peer} {value:?}");
        }
    }

    #[test]
    fn no_hops_at_all_are_an_error() {
        let routes = || Routes::new(Arc::new(RouteTable::default()));
        let trusted = || ForwardedFor::from_trusted(["10.0.0.0/8"]);
        assert!(trusted().hops(0).wrap(routes()).is_err());
        assert!(ForwardedFor::from_trusted(["proxy"]).wrap(routes()).is_err());
        assert!(trusted().wrap(routes()).is_ok());
    }
}
