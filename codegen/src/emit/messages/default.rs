//! The defaults of proto2 and of editions, as prost's attribute wants them.

use std::{fmt::Debug, str::FromStr};

use super::Context;
use crate::{
    ident,
    model::{Field, Scalar, Shape, Type, Value},
};

/// `, default = "5"`, or nothing.
pub(super) fn attribute(cx: &Context, field: &Field) -> String {
    let (Some(default), Shape::Single(value, _)) = (&field.default, &field.shape) else {
        return String::new();
    };
    let default = match value {
        Value::Enum(name) => variant(cx, name, default),
        Value::Scalar(Scalar::Bytes) => {
            let bytes = unescape(default);
            format!("b\"{}\"", bytes.escape_ascii()).escape_default().to_string()
        }
        Value::Scalar(Scalar::Float) => number::<f32>(default),
        Value::Scalar(Scalar::Double) => number::<f64>(default),
        Value::Scalar(_) => default.escape_default().to_string(),
        Value::Message(..) => return String::new(),
    };
    format!(", default = \"{default}\"")
}

/// A number as Rust writes it: compilers of protos do not agree on how it is spelled. `inf` and
/// `nan` are for prost to read.
fn number<T: FromStr + Debug>(default: &str) -> String {
    match default.parse::<T>() {
        Ok(number) if !default.contains(['n', 'N']) => format!("{number:?}"),
        _ => default.escape_default().to_string(),
    }
}

/// The variant for a value; that of the value which has the number first, if it is an alias.
fn variant(cx: &Context, type_name: &str, value: &str) -> String {
    let declared = cx.types.get(type_name).map(|declared| declared.kind);
    let Some(Type::Enum(it)) = declared else { return ident::upper_camel(value) };
    let found = it.values.iter().enumerate().find(|(_, declared)| declared.name == value);
    let index = found.map_or(0, |(index, declared)| declared.alias_of.unwrap_or(index));
    cx.paths().enumeration(it).values.get(index).cloned().unwrap_or_default()
}

/// The bytes that descriptors write with the escapes of C.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, behind) = escape(rest);
        bytes.extend(byte);
        rest = behind;
    }
    bytes
}

/// What stands after a backslash: the byte, and what follows its escape.
fn escape(text: &[u8]) -> (Option<u8>, &[u8]) {
    match text {
        [b'0'..=b'7', ..] => byte(text, 3, 8),
        [b'x' | b'X', digits @ ..] => byte(digits, 2, 16),
        [letter, behind @ ..] => {
            let byte = match letter {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => *other,
            };
            (Some(byte), behind)
        }
        [] => (None, text),
    }
}

/// The byte that up to `limit` digits stand for, and what follows them.
fn byte(text: &[u8], limit: usize, radix: u32) -> (Option<u8>, &[u8]) {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let length = text.iter().take(limit).take_while(is_digit).count();
    let (digits, behind) = text.split_at(length);
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    let number = u32::from_str_radix(digits, radix).ok();
    (number.and_then(|number| u8::try_from(number & 0xff).ok()), behind)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_of_c_become_bytes() {
        assert_eq!(unescape(r#"a\n\"\\\'"#), b"a\n\"\\'");
        assert_eq!(unescape(r"\0\12\3777\x4g\xff"), b"\0\n\xff7\x04g\xff");
        assert_eq!(unescape("\\"), b"");
    }
}
