//! Splits binary metadata values that a sender or a proxy has joined with commas, as HTTP allows. They
//! must be separated before they are decoded.
//!
//! See `Binary-Header` in [gRPC over
//! HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).

use http::{HeaderMap, HeaderName, HeaderValue};

use super::header_maps::with_room;
use crate::call::trailers::append;

/// The most values that are split out of one header map: about as many headers as fit into the usual size
/// limit. Beyond that, joined values stay as they came, which makes them undecodable. Without a limit,
/// each comma would cost a hundred times its size in memory.
const MAX_PARTS: usize = 512;

/// `headers` with each binary value on its own.
pub(crate) fn separate(headers: HeaderMap) -> HeaderMap {
    if !headers.iter().any(|(name, value)| is_joined(name, value)) {
        return headers;
    }
    let mut separated = with_room(headers.len() + 1);
    let mut room = MAX_PARTS;
    for (name, value) in &headers {
        match parts(name, value, room) {
            Some(parts) => {
                room -= parts.len();
                for part in parts {
                    append(&mut separated, name, &part);
                }
            }
            None => append(&mut separated, name, value),
        }
    }
    separated
}

fn is_joined(name: &HeaderName, value: &HeaderValue) -> bool {
    name.as_str().ends_with("-bin") && value.as_bytes().contains(&b',')
}

/// The values joined in `value`. None if it is a single value, or if there are more than `room`.
fn parts(name: &HeaderName, value: &HeaderValue, room: usize) -> Option<Vec<HeaderValue>> {
    if !is_joined(name, value) {
        return None;
    }
    let bytes = value.as_bytes();
    let count = 1 + bytes.iter().filter(|byte| **byte == b',').count();
    if count > room {
        return None;
    }
    bytes.split(|byte| *byte == b',').map(|part| part_of(value, part)).collect()
}

fn part_of(whole: &HeaderValue, part: &[u8]) -> Option<HeaderValue> {
    let mut part = HeaderValue::from_bytes(part.trim_ascii()).ok()?;
    part.set_sensitive(whole.is_sensitive());
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separated(fields: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let fields =
            fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        fields.for_each(|(name, value): (HeaderName, HeaderValue)| {
            headers.append(name, value);
        });
        let separated = separate(headers);
        separated
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn joined_values_are_parted_in_their_order() {
        let fields = [("a-bin", "AQI=, AwQ"), ("b", "x,y"), ("a-bin", "BQY"), ("c-bin", ",")];
        let pairs = [
            ("a-bin", "AQI="),
            ("a-bin", "AwQ"),
            ("a-bin", "BQY"),
            ("b", "x,y"),
            ("c-bin", ""),
            ("c-bin", ""),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(separated(&fields), pairs);
    }

    #[test]
    fn a_header_of_commas_is_not_made_of_memory() {
        let commas = ",".repeat(MAX_PARTS - 1);
        let all = [("a-bin", commas.as_str()), ("b-bin", ","), ("c-bin", "AQI")];
        assert_eq!(separated(&all).len(), MAX_PARTS + 2);
    }
}
