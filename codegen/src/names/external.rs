//! Types that are not generated: those of the runtime, and those that the option `extern_path`
//! takes from elsewhere.

use std::collections::HashMap;

use super::ident::{snake, upper_camel};
use crate::options::{Options, Pair};

/// Knows which types come from elsewhere, and from where.
#[derive(Debug)]
pub(crate) struct External {
    /// What the option says.
    mapped: HashMap<String, String>,
    /// The types that come with the runtime, unless well-known types are generated.
    well_known: HashMap<String, String>,
}

impl External {
    pub(crate) fn new(options: &Options) -> Self {
        let mapped =
            options.extern_path.iter().map(|Pair { proto, rust }| (proto.clone(), rust.clone()));
        let well_known = well_known_types(&options.runtime_path);
        let well_known = well_known.filter(|_| !options.compile_well_known_types);
        Self { mapped: mapped.collect(), well_known: well_known.collect() }
    }

    /// The Rust path of a type that comes from elsewhere. The longest matching prefix decides:
    /// with `.a` → `::x`, `.a.b.C` is `::x::b::C`.
    pub(crate) fn path(&self, type_name: &str) -> Option<String> {
        if let Some(path) = self.mapped.get(type_name) {
            return Some(path.clone());
        }
        let mut prefixes = type_name.rmatch_indices('.').filter(|(at, _)| *at > 0);
        let mapped = prefixes.find_map(|(at, _)| {
            let path = self.mapped.get(&type_name[..at])?;
            Some(below(path, &type_name[at + 1..]))
        });
        mapped.or_else(|| self.well_known.get(type_name).cloned())
    }
}

/// The path of a type that is below a package, or in another type, whose path is known.
fn below(path: &str, rest: &str) -> String {
    let (modules, name) = rest.rsplit_once('.').unwrap_or(("", rest));
    let modules = modules.split('.').filter(|module| !module.is_empty());
    let mut segments = path.split("::").chain(modules).map(snake_segment).collect::<Vec<_>>();
    segments.push(upper_camel(name));
    segments.join("::")
}

/// Whether this path of [`External::path`] is what stands for a `BytesValue`.
pub(super) fn is_bytes(path: &str) -> bool {
    path.ends_with("::Vec<u8>")
}

/// Of `::x` the first segment is empty, and `crate` and `super` are no names.
fn snake_segment(segment: &str) -> String {
    if matches!(segment, "" | "crate" | "super" | "self") {
        segment.to_owned()
    } else {
        snake(segment)
    }
}

/// Messages for which prost has types of the standard library, and what `prost-types` has.
fn well_known_types(runtime: &str) -> impl Iterator<Item = (String, String)> {
    let wrappers = [
        ("BoolValue", "bool".to_owned()),
        ("BytesValue", format!("{runtime}::prost::alloc::vec::Vec<u8>")),
        ("DoubleValue", "f64".to_owned()),
        ("Empty", "()".to_owned()),
        ("FloatValue", "f32".to_owned()),
        ("Int32Value", "i32".to_owned()),
        ("Int64Value", "i64".to_owned()),
        ("StringValue", format!("{runtime}::prost::alloc::string::String")),
        ("UInt32Value", "u32".to_owned()),
        ("UInt64Value", "u64".to_owned()),
    ];
    let prost_types = format!("{runtime}::prost_types");
    let others = PROST_TYPES.iter().map(move |name| (*name, below(&prost_types, name)));
    let all = wrappers.into_iter().chain(others);
    all.map(|(name, path)| (format!(".google.protobuf.{name}"), path))
}

/// What `prost-types` has of `google.protobuf`. Newer types of `descriptor.proto`, such as
/// `FeatureSet`, are not among them.
const PROST_TYPES: &[&str] = &[
    "Any",
    "Api",
    "DescriptorProto",
    "DescriptorProto.ExtensionRange",
    "DescriptorProto.ReservedRange",
    "Duration",
    "Enum",
    "EnumDescriptorProto",
    "EnumDescriptorProto.EnumReservedRange",
    "EnumOptions",
    "EnumValue",
    "EnumValueDescriptorProto",
    "EnumValueOptions",
    "ExtensionRangeOptions",
    "Field",
    "Field.Cardinality",
    "Field.Kind",
    "FieldDescriptorProto",
    "FieldDescriptorProto.Label",
    "FieldDescriptorProto.Type",
    "FieldMask",
    "FieldOptions",
    "FieldOptions.CType",
    "FieldOptions.JSType",
    "FileDescriptorProto",
    "FileDescriptorSet",
    "FileOptions",
    "FileOptions.OptimizeMode",
    "GeneratedCodeInfo",
    "GeneratedCodeInfo.Annotation",
    "ListValue",
    "MessageOptions",
    "Method",
    "MethodDescriptorProto",
    "MethodOptions",
    "MethodOptions.IdempotencyLevel",
    "Mixin",
    "NullValue",
    "OneofDescriptorProto",
    "OneofOptions",
    "Option",
    "ServiceDescriptorProto",
    "ServiceOptions",
    "SourceCodeInfo",
    "SourceCodeInfo.Location",
    "SourceContext",
    "Struct",
    "Syntax",
    "Timestamp",
    "Type",
    "UninterpretedOption",
    "UninterpretedOption.NamePart",
    "Value",
    "compiler.CodeGeneratorRequest",
    "compiler.CodeGeneratorResponse",
    "compiler.CodeGeneratorResponse.Feature",
    "compiler.CodeGeneratorResponse.File",
    "compiler.Version",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn path(parameter: &str, type_name: &str) -> Option<String> {
        External::new(&Options::parse(parameter).expect("the options are right")).path(type_name)
    }

    #[test]
    fn well_known_types_are_those_of_the_runtime_or_primitive() {
        let path = |name: &str| path("", &format!(".google.protobuf.{name}")).unwrap_or_default();
        assert_eq!(path("Empty"), "()");
        assert_eq!(path("DoubleValue"), "f64");
        assert_eq!(path("Timestamp"), "::rust_scaffold::prost_types::Timestamp");
        assert_eq!(path("Field.Kind"), "::rust_scaffold::prost_types::field::Kind");
        assert_eq!(path("BytesValue"), "::rust_scaffold::prost::alloc::vec::Vec<u8>");
        assert_eq!(path("FeatureSet"), "");
    }

    #[test]
    fn the_longest_extern_path_wins() {
        let parameter = "extern_path=.a=::x,extern_path=.a.b=crate::y,extern_path=.a.b.C=()";
        assert_eq!(path(parameter, ".a.M").as_deref(), Some("::x::M"));
        assert_eq!(path(parameter, ".a.b.Outer.Inner").as_deref(), Some("crate::y::outer::Inner"));
        assert_eq!(path(parameter, ".a.b.C").as_deref(), Some("()"));
        assert_eq!(path(parameter, ".b.M"), None);
    }

    #[test]
    fn compiled_well_known_types_are_ordinary_messages() {
        assert_eq!(path("compile_well_known_types", ".google.protobuf.Empty"), None);
    }

    #[test]
    fn what_is_mapped_comes_before_well_known_types() {
        let parameter = "extern_path=.google.protobuf.Any=::other::Any";
        assert_eq!(path(parameter, ".google.protobuf.Any").as_deref(), Some("::other::Any"));
        let parameter = "extern_path=.google.protobuf=::other";
        assert_eq!(path(parameter, ".google.protobuf.Empty").as_deref(), Some("::other::Empty"));
    }
}
