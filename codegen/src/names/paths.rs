//! The Rust path of a message, as prost-build writes it.

use std::collections::HashMap;

use super::ident::{snake, upper_camel};
use crate::options::{Options, Pair};

/// Knows which types are generated and which come from elsewhere.
#[derive(Debug)]
pub(crate) struct Paths {
    external: HashMap<String, String>,
}

impl Paths {
    pub(crate) fn new(options: &Options) -> Self {
        let mut external = HashMap::new();
        if !options.compile_well_known_types {
            external.extend(well_known_types(&options.runtime_path));
        }
        for Pair { proto, rust } in &options.extern_path {
            external.insert(proto.clone(), rust.clone());
        }
        Self { external }
    }

    /// The Rust path of a type that comes from elsewhere. The longest matching prefix decides:
    /// with `.a` → `::x`, `.a.b.C` is `::x::b::C`.
    pub(crate) fn external(&self, type_name: &str) -> Option<String> {
        if let Some(path) = self.external.get(type_name) {
            return Some(path.clone());
        }
        let (path, rest) = type_name.rmatch_indices('.').find_map(|(at, _)| {
            Some((self.external.get(&type_name[..at])?, &type_name[at + 1..]))
        })?;
        let (modules, name) = rest.rsplit_once('.').unwrap_or(("", rest));
        let modules = modules.split('.').filter(|module| !module.is_empty());
        let mut segments = path.split("::").chain(modules).map(snake_segment).collect::<Vec<_>>();
        segments.push(upper_camel(name));
        Some(segments.join("::"))
    }

    /// The path of a type as seen from a module directly in `package`, such as a service's.
    pub(crate) fn in_service(&self, package: &str, type_name: &str) -> String {
        match self.external(type_name) {
            // Relative to the package's module, as prost-build would have it for a message.
            Some(path) if path.starts_with("super::") => format!("super::{path}"),
            Some(path) => path,
            None => format!("super::{}", in_package(package, type_name)),
        }
    }
}

/// Whether prost-build maps this name by itself, unless well-known types are compiled.
pub(crate) fn is_well_known(type_name: &str) -> bool {
    well_known_types("").any(|(name, _)| name == type_name)
}

/// Whether this path of [`Paths::external`] is what stands for a `BytesValue`.
pub(super) fn is_bytes(path: &str) -> bool {
    path.ends_with("::Vec<u8>")
}

/// Steps over what both have in common, then out of the package, then into the type's.
fn in_package(package: &str, type_name: &str) -> String {
    let mut from = package.split('.').filter(|part| !part.is_empty()).peekable();
    let type_name = type_name.trim_start_matches('.');
    let (modules, name) = type_name.rsplit_once('.').unwrap_or(("", type_name));
    let mut to = modules.split('.').filter(|part| !part.is_empty()).peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let mut segments = from.map(|_| "super".to_owned()).collect::<Vec<_>>();
    segments.extend(to.map(snake));
    segments.push(upper_camel(name));
    segments.join("::")
}

/// Of `::x` the first segment is empty, and `crate` is no name.
fn snake_segment(segment: &str) -> String {
    if matches!(segment, "" | "crate") { segment.to_owned() } else { snake(segment) }
}

/// The types that prost has built in, and those of `prost-types`.
fn well_known_types(runtime: &str) -> impl Iterator<Item = (String, String)> {
    let exact = [
        ("", format!("{runtime}::prost_types")),
        (".BoolValue", "bool".to_owned()),
        (".BytesValue", format!("{runtime}::prost::alloc::vec::Vec<u8>")),
        (".DoubleValue", "f64".to_owned()),
        (".Empty", "()".to_owned()),
        (".FloatValue", "f32".to_owned()),
        (".Int32Value", "i32".to_owned()),
        (".Int64Value", "i64".to_owned()),
        (".StringValue", format!("{runtime}::prost::alloc::string::String")),
        (".UInt32Value", "u32".to_owned()),
        (".UInt64Value", "u64".to_owned()),
    ];
    exact.into_iter().map(|(name, path)| (format!(".google.protobuf{name}"), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(parameter: &str) -> Paths {
        Paths::new(&Options::parse(parameter).expect("the options are right"))
    }

    #[test]
    fn a_type_is_found_from_the_service_module() {
        let paths = paths("");
        assert_eq!(paths.in_service("a", ".a.M"), "super::M");
        assert_eq!(paths.in_service("a", ".a.Outer.Inner"), "super::outer::Inner");
        assert_eq!(paths.in_service("a.b", ".a.c.M"), "super::super::c::M");
        assert_eq!(paths.in_service("a", ".M"), "super::super::M");
        assert_eq!(paths.in_service("", ".type.M"), "super::r#type::M");
    }

    #[test]
    fn well_known_types_are_those_of_the_runtime_or_primitive() {
        let paths = paths("");
        let path = |name: &str| paths.in_service("a", &format!(".google.protobuf.{name}"));
        assert_eq!(path("Empty"), "()");
        assert_eq!(path("DoubleValue"), "f64");
        assert_eq!(path("Timestamp"), "::rust_scaffold::prost_types::Timestamp");
        assert_eq!(path("BytesValue"), "::rust_scaffold::prost::alloc::vec::Vec<u8>");
    }

    #[test]
    fn the_longest_extern_path_wins() {
        let paths = paths("extern_path=.a=::x,extern_path=.a.b=crate::y,extern_path=.a.b.C=()");
        assert_eq!(paths.in_service("p", ".a.M"), "::x::M");
        assert_eq!(paths.in_service("p", ".a.b.Outer.Inner"), "crate::y::outer::Inner");
        assert_eq!(paths.in_service("p", ".a.b.C"), "()");
    }

    #[test]
    fn compiled_well_known_types_are_ordinary_messages() {
        let paths = paths("compile_well_known_types");
        assert_eq!(
            paths.in_service("a", ".google.protobuf.Empty"),
            "super::super::google::protobuf::Empty"
        );
    }
}
