//! Keeps web pages from reading what is meant for people on this machine: a listener for administrators, the explorer.
//!
//! A page of `evil.example` whose name has come to mean this machine (DNS rebinding) is of the same origin, for a
//! browser. What it cannot change is the name in `Host`.

use std::{net::IpAddr, sync::Arc};

use http::{Request, StatusCode, Version, header};

use super::page::refusal;
use crate::{
    connection::http_service::{HttpService, ServiceFuture},
    protocol::http_body::HttpBody,
};

const REFUSAL: &str = "over HTTP/1.1, this is answered for an IP address or localhost alone, not for other host names\n";

/// A service that browsers find by an address alone. They speak no HTTP/2 without TLS.
pub(crate) struct LocalHosts(pub(crate) Arc<dyn HttpService>);

impl HttpService for LocalHosts {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        if request.version() == Version::HTTP_2 || is_by_address(&request) {
            return self.0.call(request);
        }
        let refusal = refusal(StatusCode::MISDIRECTED_REQUEST, REFUSAL);
        ServiceFuture::Refused(Some(Box::new(refusal)))
    }
}

/// Whether the host is an address, this machine, or not said: browsers say it.
fn is_by_address(request: &Request<HttpBody>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter();
    let mut hosts = hosts.map(|host| host.to_str().unwrap_or_default());
    hosts.all(|host| {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| match port.contains(']') {
            true => host,
            false => name,
        });
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        address.unwrap_or(name).parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_anybodys_is_no_address() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.1:9901", true),
            ("[::1]", true),
            ("[::1]:9901", true),
            ("10.1.2.3:80", true),
            ("localhost", true),
            ("LocalHost:9901", true),
            ("evil.example", false),
            ("evil.example:9901", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:9901", false),
            ("", false),
        ] {
            let request = Request::get("/").header("host", host).body(HttpBody::default()).unwrap();
            assert_eq!(is_by_address(&request), expected, "{host}");
        }
        assert!(is_by_address(&Request::get("/").body(HttpBody::default()).unwrap()));
        let twice = Request::get("/").header("host", "[::1]").header("host", "evil.example");
        assert!(!is_by_address(&twice.body(HttpBody::default()).unwrap()));
    }
}
