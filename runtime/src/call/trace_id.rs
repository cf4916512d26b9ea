//! The trace that a call belongs to.

use std::fmt;

use http::HeaderMap;

/// The identifier of a trace: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    /// The one in the header `traceparent`, if that is valid.
    ///
    /// See [the format](https://www.w3.org/TR/trace-context/#traceparent-header).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        let (version, rest) = split(value.as_bytes(), 2)?;
        let (trace, rest) = split(rest, 32)?;
        let (parent, rest) = split(rest, 16)?;
        let (flags, rest) = rest.split_at_checked(2)?;
        // Later versions may go on.
        let ends = rest.is_empty() || (version != b"00" && rest[0] == b'-');
        let is_zero = |id: &[u8]| id.iter().all(|digit| *digit == b'0');
        let is_valid = ends
            && version != b"ff"
            && [version, trace, parent, flags].into_iter().all(is_hexadecimal)
            && !is_zero(trace)
            && !is_zero(parent);
        trace.try_into().ok().filter(|_| is_valid).map(Self)
    }
}

/// The first `length` bytes, and what follows a `-` after them.
fn split(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_at_checked(length)?;
    Some((first, rest.strip_prefix(b"-")?))
}

fn is_hexadecimal(digits: &[u8]) -> bool {
    digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn trace_of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", HeaderValue::from_static(value));
        }
        TraceId::of(&headers).map(|id| id.to_string())
    }

    #[test]
    fn a_valid_header_names_its_trace() {
        for valid in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-else",
        ] {
            assert_eq!(trace_of(&[valid]).as_deref(), Some(ID), "{valid}");
        }
    }

    #[test]
    fn any_other_names_none() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_of(&[]), None);
        assert_eq!(trace_of(&[valid, valid]), None);
        for malformed in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\"-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        ] {
            assert_eq!(trace_of(&[malformed]), None, "{malformed}");
        }
    }
}
