//! Until when a certificate is valid.

use der::{
    AnyRef, DateTime, Reader, Result, SliceReader, Tag, Tagged as _,
    asn1::{GeneralizedTime, UtcTime},
};

/// The end of a certificate's validity ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).
pub(super) fn not_after(certificate: &[u8]) -> Result<DateTime> {
    let certificate: AnyRef<'_> = SliceReader::new(certificate)?.decode()?;
    certificate.sequence(|certificate| {
        let signed = certificate.decode::<AnyRef<'_>>()?.sequence(|fields| {
            if fields.decode::<AnyRef<'_>>()?.tag() != Tag::Integer {
                // That was the version; this is the serial number.
                fields.decode::<AnyRef<'_>>()?;
            }
            let [_algorithm, _issuer]: [AnyRef<'_>; 2] = [fields.decode()?, fields.decode()?];
            let not_after = fields.decode::<AnyRef<'_>>()?.sequence(|times| {
                times.decode::<AnyRef<'_>>()?;
                time(times.decode()?)
            });
            rest(fields)?;
            not_after
        });
        rest(certificate)?;
        signed
    })
}

fn rest<'a>(fields: &mut impl Reader<'a>) -> Result<()> {
    while !fields.is_finished() {
        fields.decode::<AnyRef<'_>>()?;
    }
    Ok(())
}

fn time(encoded: AnyRef<'_>) -> Result<DateTime> {
    match encoded.tag() {
        Tag::UtcTime => Ok(encoded.decode_as::<UtcTime>()?.to_date_time()),
        _ => Ok(encoded.decode_as::<GeneralizedTime>()?.to_date_time()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn both_kinds_of_time_are_read_and_nothing_panics() {
        let key = KeyPair::generate().unwrap();
        for year in [2030, 2080] {
            let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
            parameters.not_after = date_time_ymd(year, 2, 3);
            let certificate = parameters.self_signed(&key).unwrap();
            let der = certificate.der();
            assert_eq!(not_after(der).unwrap().to_string(), format!("{year}-02-03T00:00:00Z"));
            for end in 0..der.len() {
                assert!(not_after(&der[..end]).is_err());
            }
        }
    }
}
