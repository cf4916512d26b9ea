//! Recognises peers that do not speak HTTP/2 by their first bytes.

use std::fmt::Write as _;

/// Whether `bytes`, the first ones of a connection's first frame, may be HTTP/2. The first frame is
/// short, so its 24-bit length starts with a zero byte. Other protocols start with something else.
pub(crate) fn may_be_http2(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0)
}

/// Explains what a server seems to speak that sent `bytes` instead of HTTP/2.
pub(crate) fn describe(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    match (bytes, std::str::from_utf8(line)) {
        ([0x14..=0x17, 3, ..] | [0x14..=0x17], _) => {
            "the server answered in TLS: use an address with https://".into()
        }
        (_, Ok(line)) if line.starts_with("HTTP/1.") => format!(
            "the server answered with an HTTP/1 response, `{}`: is there a proxy that does not speak \
             HTTP/2?",
            shown(line)
        ),
        (_, Ok(line)) if !line.is_empty() && !line.chars().any(char::is_control) => {
            format!("the server does not speak HTTP/2: it answered `{}`", shown(line))
        }
        _ => {
            let mut text = "the server does not speak HTTP/2: its answer begins with".to_owned();
            for byte in bytes.iter().take(9) {
                // Writing to a `String` cannot fail.
                let _ = write!(text, " {byte:02x}");
            }
            text
        }
    }
}

/// The first characters of a line.
fn shown(line: &str) -> &str {
    line.char_indices().nth(80).map_or(line, |(end, _)| &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_speak_is_recognized() {
        for (bytes, words) in [
            (&b"\x15\x03\x03\x00\x02\x02\x46"[..], "in TLS"),
            (b"\x16\x03\x01", "in TLS"),
            (b"\x15", "in TLS"),
            (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n", "HTTP/1.1 400 Bad Request`"),
            (b"HTTP/1.0", "HTTP/1 response"),
            (b"220 mail.example ESMTP\r\n", "`220 mail.example ESMTP`"),
            (b"\x16\x04\x00\x01", "16 04 00 01"),
            (b"\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x00\x00", "ff fe 00 00 00 00 00 00 00"),
            (b"\r\n", "0d 0a"),
        ] {
            assert!(!may_be_http2(bytes));
            let text = describe(bytes);
            assert!(text.contains(words), "{text}");
        }
        assert!(may_be_http2(b"\0\0\0\x04"));
        assert!(describe("größe".repeat(100).as_bytes()).len() < 200);
    }
}
