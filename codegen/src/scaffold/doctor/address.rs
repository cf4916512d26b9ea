//! What there is to say of a server, by what it has answered.

use std::time::{Duration, SystemTime};

use super::{
    certificate,
    connect::{Peer, SpokenProtocol, Tls},
    http2::{Answer, Http2Reply},
};
use crate::{
    diagnostics::Problem,
    error::Error,
    scaffold::outcome::{Finding, Level},
};

/// A server, as the user names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Whether the user expects TLS, if anything.
    pub(super) is_tls: Option<bool>,
    /// Without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// `HOST:PORT`, `http://HOST`, `https://HOST:PORT/`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (is_tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some(_) => return Err(malformed(text)),
            None => (None, text),
        };
        let rest = rest.split('/').next().unwrap_or_default();
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| malformed(text))?)
            }
            _ => (rest, is_tls.map(|it| if it { 443 } else { 80 }).ok_or_else(|| malformed(text))?),
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        if host.is_empty() || bracketed.is_none() && host.contains(':') {
            return Err(malformed(text));
        }
        Ok(Self { is_tls, host: host.to_owned(), port })
    }

    /// As it is shown, and told to the server.
    pub(super) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

fn malformed(text: &str) -> Error {
    Problem::new(format!("`{text}` is no address"))
        .help("write HOST:PORT, or a URL with http or https, as in localhost:50051")
        .into()
}

/// What is worth knowing of a server; a note if all is well.
pub(super) fn examine(address: &Address, peer: &Peer, now: SystemTime) -> Vec<Finding> {
    let at = address.authority();
    let (tls, spoken) = match peer {
        Peer::Unreachable(error) => {
            let message = format!("nobody can be reached at `{at}`: {error}");
            return vec![Finding::new(Level::Error, "unreachable", message).help(
                "is the server running, does it listen on that address and not on that of loopback \
                 alone, and does a firewall let it pass?",
            )];
        }
        Peer::Reached { tls, spoken } => (tls.as_ref(), spoken),
    };
    let mut findings = Vec::new();
    findings.extend(scheme(address, tls));
    findings.extend(tls.and_then(|tls| no_alpn(&at, tls, spoken)));
    findings.extend(tls.and_then(|tls| validity(&at, tls.certificate.as_deref()?, now)));
    let transport = if tls.is_some() { "TLS" } else { "cleartext" };
    findings.extend(match spoken {
        SpokenProtocol::Http2(reply) => vec![grpc(&at, transport, *reply)],
        SpokenProtocol::Ended(why) if tls.is_some_and(|tls| tls.asks_for_certificate) => {
            vec![wants_certificate(&at, why.as_deref())]
        }
        other => vec![no_http2(&at, transport, other)],
    });
    findings
}

/// What the user says of TLS is so.
fn scheme(address: &Address, tls: Option<&Tls>) -> Option<Finding> {
    let expected = address.is_tls.filter(|expected| *expected != tls.is_some())?;
    let at = address.authority();
    let (message, scheme) = match expected {
        true => (format!("`{at}` does not speak TLS"), "http"),
        false => (format!("`{at}` speaks TLS"), "https"),
    };
    let help = format!("call it by `{scheme}://{at}`");
    Some(Finding::new(Level::Error, "other-scheme", message).help(help))
}

fn no_alpn(at: &str, tls: &Tls, spoken: &SpokenProtocol) -> Option<Finding> {
    if tls.alpn.is_some() || !matches!(spoken, SpokenProtocol::Http2(_)) {
        return None;
    }
    let message =
        format!("`{at}` does not say by ALPN that it speaks HTTP/2; many clients refuse that");
    Some(Finding::new(Level::Warning, "no-alpn", message).help("let its TLS offer `h2` by ALPN"))
}

/// Less than is left of a certificate that is renewed in time, of those of 90 days.
const SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);

fn validity(at: &str, certificate: &[u8], now: SystemTime) -> Option<Finding> {
    let finding = |level, code, message: String| {
        Finding::new(level, code, message).help("renew it, and let the server read it again")
    };
    let not_after = match certificate::not_after(certificate) {
        Ok(not_after) => not_after,
        Err(error) => {
            let message = format!("the certificate of `{at}` cannot be read: {error}");
            return Some(Finding::new(Level::Warning, "bad-certificate", message));
        }
    };
    match not_after.to_system_time().duration_since(now) {
        Err(_) => {
            let message = format!("the certificate of `{at}` expired at {not_after}");
            Some(finding(Level::Error, "certificate-expired", message))
        }
        Ok(left) if left < SOON => {
            let message = format!("the certificate of `{at}` expires at {not_after}");
            Some(finding(Level::Warning, "certificate-expires", message))
        }
        Ok(_) => {
            let message = format!("the certificate of `{at}` is valid until {not_after}");
            Some(Finding::new(Level::Note, "certificate", message))
        }
    }
}

fn grpc(at: &str, transport: &str, reply: Http2Reply) -> Finding {
    let calls = reply.calls;
    let speaks = format!("`{at}` speaks HTTP/2 ({transport})");
    if calls.contains(&Answer::Message) {
        return Finding::new(Level::Note, "grpc", format!("{speaks} and gRPC, with reflection"));
    }
    if calls.contains(&Answer::Status) {
        let message = format!(
            "{speaks} and gRPC, without reflection, at least for callers without credentials"
        );
        return Finding::new(Level::Warning, "no-reflection", message)
            .help("`Server::reflection` serves it, with the feature `reflection`; without it, clients such as grpcurl need the protos");
    }
    if calls.contains(&Answer::Other) {
        let message = format!("{speaks}, but answers a call of gRPC as no server of gRPC does");
        return Finding::new(Level::Error, "not-grpc", message)
            .help("is it a proxy that has no route for gRPC or cannot reach its server, or the port of something else?");
    }
    let message = format!("{speaks}, but has not answered a call of gRPC");
    Finding::new(Level::Error, "not-grpc", message).help("wait longer with `--timeout SECONDS`")
}

fn wants_certificate(at: &str, why: Option<&str>) -> Finding {
    let message = format!("`{at}` wants a certificate of its clients (mTLS){}", because(why));
    Finding::new(Level::Error, "wants-certificate", message)
        .help("nothing else can be seen without one; clients of it need one, too")
}

fn because(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(": {why}"))
}

fn no_http2(at: &str, transport: &str, spoken: &SpokenProtocol) -> Finding {
    let error = |code, what: String| Finding::new(Level::Error, code, format!("`{at}` {what}"));
    match spoken {
        SpokenProtocol::Http1(line) => {
            let line = line.as_ref().map_or_else(String::new, |line| format!(": {line}"));
            error("http1", format!("speaks HTTP/1.1 alone ({transport}){line}")).help(
                "if it is a proxy, let it pass HTTP/2, as nginx does with `http2 on` and `grpc_pass`; over \
                 HTTP/1.1, there are gRPC-Web and Connect",
            )
        }
        SpokenProtocol::Ended(why) => {
            let why = because(why.as_deref());
            error("ended", format!("has not answered before the connection ({transport}) ended{why}"))
                .help("the log of the server may say why")
        }
        SpokenProtocol::Silence => error("silent", format!("takes connections, and says nothing ({transport})"))
            .help("is it a server that waits for others, or behind a proxy that does? `--timeout SECONDS` waits longer"),
        _ => error("not-http", format!("speaks neither HTTP/2 nor HTTP/1.1 ({transport})"))
            .help("is it the port of something else?"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn codes(peer: &Peer, address: &str) -> Vec<&'static str> {
        let address = Address::parse(address).unwrap();
        examine(&address, peer, SystemTime::now()).iter().map(|finding| finding.code).collect()
    }

    fn http2(calls: [Answer; 2]) -> SpokenProtocol {
        SpokenProtocol::Http2(Http2Reply { settings: true, calls, goaway: false })
    }

    #[test]
    fn addresses_are_hosts_with_ports_or_urls() {
        let address =
            |is_tls, host: &str, port| Some(Address { is_tls, host: host.to_owned(), port });
        for (text, expected) in [
            ("localhost:50051", address(None, "localhost", 50051)),
            ("[::1]:50051", address(None, "::1", 50051)),
            ("http://example.org", address(Some(false), "example.org", 80)),
            ("https://example.org/", address(Some(true), "example.org", 443)),
            ("https://[::1]", address(Some(true), "::1", 443)),
            ("https://example.org:8443/a:1", address(Some(true), "example.org", 8443)),
            ("localhost", None),
            ("::1", None),
            (":50051", None),
            ("localhost:http", None),
            ("localhost:70000", None),
            ("ftp://localhost:1", None),
            ("", None),
        ] {
            assert_eq!(Address::parse(text).ok(), expected, "{text}");
        }
        assert_eq!(Address::parse("http://[::1]").unwrap().authority(), "[::1]:80");
    }

    #[test]
    fn what_is_spoken_is_told_apart() {
        let (none, other) = (Answer::None, Answer::Other);
        for (spoken, code) in [
            (http2([Answer::Message, other]), "grpc"),
            (http2([Answer::Status, Answer::Message]), "grpc"),
            (http2([Answer::Status, Answer::Status]), "no-reflection"),
            (http2([Answer::Status, none]), "no-reflection"),
            (http2([other, other]), "not-grpc"),
            (http2([none, Answer::Begun]), "not-grpc"),
            (SpokenProtocol::Http1(None), "http1"),
            (SpokenProtocol::Ended(None), "ended"),
            (SpokenProtocol::Silence, "silent"),
            (SpokenProtocol::Other, "not-http"),
        ] {
            let peer = Peer::Reached { tls: None, spoken };
            assert_eq!(codes(&peer, "localhost:1"), [code], "{peer:?}");
            assert_eq!(codes(&peer, "https://localhost"), ["other-scheme", code], "{peer:?}");
        }
        let peer = Peer::Unreachable(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(codes(&peer, "https://localhost"), ["unreachable"]);
    }

    #[test]
    fn a_certificate_is_judged_by_the_time() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 31);
        let certificate = parameters.self_signed(&key).unwrap().der().to_vec();
        let end = certificate::not_after(&certificate).unwrap().to_system_time();
        let second = Duration::from_secs(1);
        for (now, code) in [
            (end - SOON, "certificate"),
            (end - SOON + second, "certificate-expires"),
            (end, "certificate-expires"),
            (end + second, "certificate-expired"),
        ] {
            assert_eq!(validity("localhost:1", &certificate, now).unwrap().code, code);
        }
        let finding = validity("localhost:1", b"no certificate", end).unwrap();
        assert_eq!(finding.code, "bad-certificate");
    }

    #[test]
    fn what_a_handshake_tells_counts() {
        let tls = |alpn: Option<&[u8]>| {
            let tls = Tls { alpn: alpn.map(<[u8]>::to_vec), certificate: None, ..Tls::default() };
            Peer::Reached { tls: Some(tls), spoken: http2([Answer::Message; 2]) }
        };
        assert_eq!(codes(&tls(Some(b"h2")), "localhost:1"), ["grpc"]);
        let asking = |spoken| {
            let tls = Tls { asks_for_certificate: true, ..Tls::default() };
            codes(&Peer::Reached { tls: Some(tls), spoken }, "localhost:1")
        };
        assert_eq!(asking(SpokenProtocol::Ended(None)), ["wants-certificate"]);
        assert_eq!(asking(SpokenProtocol::Silence), ["silent"]);
        assert_eq!(codes(&tls(None), "https://localhost:1"), ["no-alpn", "grpc"]);
        assert_eq!(codes(&tls(Some(b"h2")), "http://localhost"), ["other-scheme", "grpc"]);
    }
}
