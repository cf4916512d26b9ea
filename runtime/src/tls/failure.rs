//! Handshakes that have failed, in words that say what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Why the handshake with a client has failed.
pub(crate) fn with_client(error: io::Error) -> io::Error {
    let text = match tls_error(&error) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the client does not speak TLS".to_owned()
        }
        Some(Error::NoApplicationProtocol) => {
            "the client does not speak HTTP/2: its ALPN has no `h2`".to_owned()
        }
        Some(error) => format!("TLS: {error}"),
        None => return error,
    };
    io::Error::new(error.kind(), text)
}

/// Why the handshake with a server has failed, or the first read after it: with TLS 1.3, a server looks at the
/// client's certificate when the client's part of the handshake is over.
pub(crate) fn with_server(error: io::Error) -> io::Error {
    let text = match tls_error(&error) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the server does not speak TLS: use http:// if it is not to".to_owned()
        }
        Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => no_http2(None),
        Some(error) => match hint(error) {
            Some(hint) => format!("TLS: {error}; {hint}"),
            None => format!("TLS: {error}"),
        },
        None => return error,
    };
    io::Error::new(error.kind(), text)
}

/// The explanation for a server that has not chosen HTTP/2 but `protocol`.
pub(crate) fn no_http2(protocol: Option<&[u8]>) -> String {
    let chosen = match protocol {
        Some(protocol) => format!("chose `{}`", String::from_utf8_lossy(protocol)),
        None => "did not choose it".to_owned(),
    };
    format!("the server does not speak HTTP/2 over TLS: it was offered `h2` by ALPN, and {chosen}")
}

fn hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        // A CA that was made again has the same name and another key.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "if it comes from a CA of your own, trust that with `ClientTls::ca`",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "if it is the right server, set the name to expect with `ClientTls::server_name`",
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "set a certificate for the client with `ClientTls::client_certificate`"
        }
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the server does not trust the CA of the client's certificate"
        }
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "to the server, the client's certificate has expired"
        }
        Error::AlertReceived(AlertDescription::CertificateRevoked) => {
            "the client's certificate has been revoked"
        }
        // Servers differ in which of these they send, some also if the client has no certificate.
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => "the server does not accept the client's certificate, or demands one",
        _ => return None,
    })
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
