//! Strings in JSON, where no library writes them.

use std::fmt::{self, Write as _};

/// A string in JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some((at, escaped)) = rest.char_indices().find(|(_, char)| is_escaped(*char)) {
            f.write_str(&rest[..at])?;
            rest = &rest[at + escaped.len_utf8()..];
            match escaped {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                _ => write!(f, "\\u{:04x}", u32::from(escaped))?,
            }
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

/// Whether JSON, or whoever looks at the log, would not take it as it is: it ends a line or moves text about.
fn is_escaped(char: char) -> bool {
    matches!(char,
        '"' | '\\'
        | '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_string_or_a_line_early() {
        let hostile = "a\"b\\c\nd\re\u{1b}[0m\u{85}\u{2028}\u{202e}ä";
        assert_eq!(
            JsonText(hostile).to_string(),
            r#""a\"b\\c\nd\u000de\u001b[0m\u0085\u2028\u202eä""#
        );
    }
}
