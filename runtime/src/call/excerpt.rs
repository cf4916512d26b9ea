//! What a peer has sent, in the texts of errors: as much of it as one needs to recognize it.

use std::borrow::Cow;

/// How many characters of a value are shown.
const MAX_VALUE: usize = 64;
/// How many characters of a path, or of another name, are shown: real ones are shorter.
const MAX_NAME: usize = 256;

/// The beginning of a value, in quotes.
pub(crate) fn quoted(value: impl AsRef<[u8]>) -> String {
    format!("{:?}", shortened(&String::from_utf8_lossy(value.as_ref()), MAX_VALUE))
}

/// The beginning of a name.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    shortened(name, MAX_NAME)
}

/// So many characters of `text`, with a mark if there are more.
fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_shown_as_it_is() {
        assert_eq!(quoted("größer\n"), r#""größer\n""#);
        assert_eq!(quoted(b"\xff"), "\"\u{fffd}\"");
        assert_eq!(name("/package.Service/Method"), "/package.Service/Method");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(quoted("ö".repeat(65)), format!("\"{}…\"", "ö".repeat(64)));
        assert_eq!(name(&"ö".repeat(256)), "ö".repeat(256));
        assert_eq!(name(&"ö".repeat(257)), format!("{}…", "ö".repeat(256)));
    }
}
