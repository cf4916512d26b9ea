//! How a proto name becomes a Rust identifier: the rules of prost-build, which names the
//! messages, so that both agree.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// Words that are written raw, as in `r#type`.
const RAW: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
    "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Words that cannot be written raw, or that prost-build does not write so.
const SUFFIXED: &[&str] = &["_", "super", "self", "Self", "extern", "crate"];

/// `SayHello` → `say_hello`, `Type` → `r#type`.
pub(crate) fn snake(name: &str) -> String {
    escape(&name.to_snake_case())
}

/// `say_hello` → `SayHello`, `self` → `Self_`.
pub(crate) fn upper_camel(name: &str) -> String {
    escape(&name.to_upper_camel_case())
}

/// `Order` and `Item` → `OrderItem`.
pub(crate) fn upper_camel_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    escape(&names.map(ToUpperCamelCase::to_upper_camel_case).collect::<String>())
}

/// `Size` and `SIZE_LARGE` → `Large`, `Size` and `SIZE_2` → `Size2`.
pub(crate) fn variant(enumeration: &str, value: &str) -> String {
    let (name, prefix) = (value.to_upper_camel_case(), enumeration.to_upper_camel_case());
    let stripped = name.strip_prefix(&prefix).filter(|rest| rest.starts_with(char::is_uppercase));
    escape(stripped.unwrap_or(&name))
}

/// `a/b-c.v1` → `A_B_C_V1`.
pub(crate) fn shouty(name: &str) -> String {
    escape(&name.to_shouty_snake_case())
}

/// `Type` and `_service` → `type_service`.
pub(crate) fn snake_with(name: &str, suffix: &str) -> String {
    escape(&format!("{}{suffix}", name.to_snake_case()))
}

/// `calculator` and `Server` → `CalculatorServer`.
pub(crate) fn upper_camel_with(name: &str, suffix: &str) -> String {
    escape(&format!("{}{suffix}", name.to_upper_camel_case()))
}

/// Whether protoc could have read it as one name.
pub(crate) fn is_proto_identifier(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts_well && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A name as it is written in Rust.
pub(crate) fn escape(name: &str) -> String {
    match name {
        // Of a name that consists of underscores, changing the case leaves nothing.
        "" => "__".to_owned(),
        _ if RAW.contains(&name) => format!("r#{name}"),
        _ if SUFFIXED.contains(&name) => format!("{name}_"),
        _ if name.starts_with(|first: char| first.is_numeric()) => format!("_{name}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_raw_or_get_an_underscore() {
        assert_eq!(snake("Type"), "r#type");
        assert_eq!(snake("Self"), "self_");
        assert_eq!(upper_camel("self"), "Self_");
        assert_eq!(snake("GetHTTPStatus"), "get_http_status");
        assert_eq!(shouty("a/b-c.v1"), "A_B_C_V1");
    }

    #[test]
    fn variants_lose_the_name_of_their_enum() {
        assert_eq!(variant("Size", "SIZE_LARGE"), "Large");
        assert_eq!(variant("Size", "SIZE_2"), "Size2");
        assert_eq!(variant("Size", "SIZEABLE"), "Sizeable");
        assert_eq!(variant("Size", "SIZE"), "Size");
        assert_eq!(variant("Size", "SIZE_SELF"), "Self_");
    }

    #[test]
    fn a_name_that_starts_with_a_digit_gets_an_underscore_in_front() {
        assert_eq!(upper_camel("_1st"), "_1st");
    }
}
