//! What a certificate says of its holder, and from when until when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::{
    AnyRef, DateTime, Reader, Result, SliceReader, Tag, TagNumber, Tagged as _,
    asn1::{GeneralizedTime, UtcTime},
};

/// The parts of a certificate ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)) that rustls
/// does not tell. It was checked by rustls, or is our own: nothing is verified here.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) not_before: DateTime,
    pub(super) not_after: DateTime,
    pub(super) names: SubjectAltNames,
}

/// The names of a certificate's holder, which are its subject alternative names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SubjectAltNames {
    pub(super) dns: Vec<String>,
    pub(super) uris: Vec<String>,
    /// How many there are, with those that are left out.
    pub(super) uri_count: usize,
    pub(super) ips: Vec<IpAddr>,
}

impl Certificate {
    pub(super) fn parse(certificate: &[u8]) -> Result<Self> {
        let mut reader = SliceReader::new(certificate)?;
        let certificate: AnyRef<'_> = reader.decode()?;
        certificate.sequence(|certificate| {
            let parsed = certificate.decode::<AnyRef<'_>>()?.sequence(Self::tbs)?;
            // The signature's algorithm, and the signature.
            certificate.decode::<AnyRef<'_>>()?;
            certificate.decode::<AnyRef<'_>>()?;
            Ok(parsed)
        })
    }

    /// The part that is signed.
    fn tbs<'a>(fields: &mut impl Reader<'a>) -> Result<Self> {
        let first: AnyRef<'_> = fields.decode()?;
        if context(first, 0).is_some() {
            // That was the version; this is the serial number.
            fields.decode::<AnyRef<'_>>()?;
        }
        let [_algorithm, _issuer, validity] =
            [fields.decode()?, fields.decode()?, fields.decode()?];
        let validity: AnyRef<'_> = validity;
        let [not_before, not_after] =
            validity.sequence(|times| Ok::<_, der::Error>([time(times)?, time(times)?]))?;
        let mut names = SubjectAltNames::default();
        while !fields.is_finished() {
            let field: AnyRef<'_> = fields.decode()?;
            if let Some(extensions) = context(field, 3) {
                names = SubjectAltNames::in_extensions(extensions)?;
            }
        }
        Ok(Self { not_before, not_after, names })
    }
}

/// The name of the CA that has issued a revocation list ([RFC
/// 5280](https://www.rfc-editor.org/rfc/rfc5280#section-5.1)), encoded.
pub(super) fn issuer_of_crl(crl: &[u8]) -> Result<Vec<u8>> {
    let mut reader = SliceReader::new(crl)?;
    let list: AnyRef<'_> = reader.decode()?;
    list.sequence(|list| {
        let issuer = list.decode::<AnyRef<'_>>()?.sequence(|fields| {
            let first: AnyRef<'_> = fields.decode()?;
            if first.tag() == Tag::Integer {
                // That was the version; this is the algorithm.
                fields.decode::<AnyRef<'_>>()?;
            }
            let issuer = fields.decode::<AnyRef<'_>>()?.value().to_vec();
            while !fields.is_finished() {
                fields.decode::<AnyRef<'_>>()?;
            }
            Ok::<_, der::Error>(issuer)
        })?;
        // The signature's algorithm, and the signature.
        list.decode::<AnyRef<'_>>()?;
        list.decode::<AnyRef<'_>>()?;
        Ok(issuer)
    })
}

impl SubjectAltNames {
    fn in_extensions(extensions: &[u8]) -> Result<Self> {
        let mut names = Self::default();
        let extensions: AnyRef<'_> = SliceReader::new(extensions)?.decode()?;
        extensions.sequence(|extensions| {
            while !extensions.is_finished() {
                let extension: AnyRef<'_> = extensions.decode()?;
                if let Some(value) = extension.sequence(subject_alt_name)? {
                    names.parse(value)?;
                }
            }
            Ok::<_, der::Error>(())
        })?;
        Ok(names)
    }

    fn parse(&mut self, value: &[u8]) -> Result<()> {
        let names: AnyRef<'_> = SliceReader::new(value)?.decode()?;
        names.sequence(|names| {
            while !names.is_finished() {
                self.push(names.decode()?);
            }
            Ok(())
        })
    }

    /// Names of other kinds, and those that are none of their kind, are left out.
    fn push(&mut self, name: AnyRef<'_>) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().filter(|it| it.is_ascii());
        if let Some(bytes) = context(name, 2) {
            self.dns.extend(text(bytes));
        } else if let Some(bytes) = context(name, 6) {
            self.uri_count += 1;
            self.uris.extend(text(bytes));
        } else if let Some(bytes) = context(name, 7) {
            let v4 = <[u8; 4]>::try_from(bytes).map(|it| IpAddr::V4(Ipv4Addr::from(it)));
            let v6 = <[u8; 16]>::try_from(bytes).map(|it| IpAddr::V6(Ipv6Addr::from(it)));
            self.ips.extend(v4.or(v6).ok());
        }
    }
}

/// The value of an extension, if it is the subject alternative names.
fn subject_alt_name<'a>(extension: &mut impl Reader<'a>) -> Result<Option<&'a [u8]>> {
    /// 2.5.29.17
    const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

    let id: AnyRef<'a> = extension.decode()?;
    let mut value: AnyRef<'a> = extension.decode()?;
    if value.header().tag() == Tag::Boolean {
        // That was whether the extension is critical.
        value = extension.decode()?;
    }
    Ok((id.value() == SUBJECT_ALT_NAME).then(|| value.value()))
}

/// The value of a field that is tagged with `number` in its context.
fn context(field: AnyRef<'_>, number: u32) -> Option<&[u8]> {
    let tag = field.header().tag();
    matches!(tag, Tag::ContextSpecific { number: TagNumber(it), .. } if it == number)
        .then(|| field.value())
}

fn time<'a>(times: &mut impl Reader<'a>) -> Result<DateTime> {
    let time: AnyRef<'_> = times.decode()?;
    match time.header().tag() {
        Tag::UtcTime => Ok(time.decode_as::<UtcTime>()?.to_date_time()),
        _ => Ok(time.decode_as::<GeneralizedTime>()?.to_date_time()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    use super::*;

    /// Made by openssl, with a name of each kind and an email address, for a hundred years.
    const CERTIFICATE: &[u8] = b"\
-----BEGIN CERTIFICATE-----
MIIBszCCAVqgAwIBAgIUPTFr6PuhQBvQXDQ4G1jnUL6AtvAwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjcxODM5MzBaGA8yMTI2MTEwMzE4MzkzMFow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFYflNIypUy5
ObcEZWvTE+eHKw2VDRVBOK8JNLc9jqgS2GVhjoaz8UcGRbqTm9CXUMyJ+lCIBM7f
9+OvoG/MxmyjgZcwgZQwHQYDVR0OBBYEFK/ENvLjtOx6mA2BEqssQe8mt2urMB8G
A1UdIwQYMBaAFK/ENvLjtOx6mA2BEqssQe8mt2urMA8GA1UdEwEB/wQFMAMBAf8w
QQYDVR0RBDowOIIJYS5leGFtcGxlhgxzcGlmZmU6Ly9hL2KHBAoAAAGHEAAAAAAA
AAAAAAAAAAAAAAGBBWFAYi5jMAoGCCqGSM49BAMCA0cAMEQCIDNJopvttKGN9QmV
3pcQzhXmYiIewc/M6qx5XTAfoHdGAiAUD4rNVmPsxlM4rhJMDs+nZhavQmpO8O9W
zOQ0RjoUeQ==
-----END CERTIFICATE-----";

    pub(in super::super) fn der() -> Vec<u8> {
        CertificateDer::from_pem_slice(CERTIFICATE).unwrap().to_vec()
    }

    #[test]
    fn names_and_times_are_those_that_openssl_has_written() {
        let Certificate { not_before, not_after, names } = Certificate::parse(&der()).unwrap();
        assert_eq!(not_before.to_string(), "2026-11-27T18:39:30Z");
        assert_eq!(not_after.to_string(), "2126-11-03T18:39:30Z");
        assert_eq!(names.dns, ["a.example"]);
        assert_eq!((names.uris, names.uri_count), (vec!["spiffe://a/b".to_owned()], 1));
        assert_eq!(names.ips, ["10.0.0.1", "::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let der = der();
        for length in 0..der.len() {
            assert!(Certificate::parse(&der[..length]).is_err(), "{length} bytes of it");
        }
        // A changed byte may be an error, another name, or of no importance. It is no panic.
        for position in 0..der.len() {
            for byte in [0, 1, 0x7f, 0x80, 0x82, 0xff] {
                let mut der = der.clone();
                der[position] = byte;
                drop(Certificate::parse(&der));
            }
        }
    }
}
