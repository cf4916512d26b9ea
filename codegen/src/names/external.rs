//! Types that are not generated: those of the runtime, and those that the option `extern_path`
//! takes from elsewhere.

use std::collections::HashMap;

use crate::{
    ident::{snake, upper_camel},
    options::{Options, Pair},
};

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

    /// Whether a type comes from elsewhere.
    pub(crate) fn has(&self, type_name: &str) -> bool {
        self.is_mapped(type_name) || self.well_known.contains_key(type_name)
    }

    /// Whether the option takes a type from elsewhere: what it is there is up to those who wrote it.
    pub(crate) fn is_mapped(&self, type_name: &str) -> bool {
        self.mapped(type_name).is_some()
    }

    /// The Rust path of a type that comes from elsewhere. The longest matching prefix decides:
    /// with `.a` → `::x`, `.a.b.C` is `::x::b::C`; `is_message` tells messages from packages.
    pub(crate) fn path(
        &self,
        type_name: &str,
        is_message: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let Some((prefix, path)) = self.mapped(type_name) else {
            return self.well_known.get(type_name).cloned();
        };
        match type_name[prefix.len()..].strip_prefix('.') {
            None => Some(path.to_owned()),
            Some(rest) if is_message(prefix) => Some(below(&module_of(path), rest)),
            Some(rest) => Some(below(path, rest)),
        }
    }

    /// What the option says of a type: the longest of its prefixes, and the path of that.
    fn mapped<'a>(&'a self, type_name: &'a str) -> Option<(&'a str, &'a str)> {
        let prefixes = type_name.rmatch_indices('.').map(|(at, _)| &type_name[..at]);
        let mut prefixes = std::iter::once(type_name).chain(prefixes);
        prefixes.find_map(|prefix| Some((prefix, self.mapped.get(prefix)?.as_str())))
    }
}

/// The path of a type that is below a package whose path is known.
fn below(path: &str, rest: &str) -> String {
    let (modules, name) = rest.rsplit_once('.').unwrap_or(("", rest));
    let modules = modules.split('.').filter(|module| !module.is_empty()).map(snake);
    let segments = std::iter::once(path.to_owned()).chain(modules).chain([upper_camel(name)]);
    segments.collect::<Vec<_>>().join("::")
}

/// The module with what is nested in a message: `crate::OrderId` → `crate::order_id`.
fn module_of(message: &str) -> String {
    match message.rsplit_once("::") {
        Some((modules, name)) => format!("{modules}::{}", snake(name)),
        None => snake(message),
    }
}

/// Whether this path of [`External::path`] is what stands for a `BytesValue`.
pub(super) fn is_bytes(path: &str) -> bool {
    path.ends_with("::Vec<u8>")
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
        let options = Options::parse(parameter).expect("the options are right");
        External::new(&options).path(type_name, |prefix| prefix.ends_with("Order"))
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
    fn extern_paths_stay_as_they_were_written() {
        for written in
            ["::Acme_API::V1Beta", "crate::r#type::r#mod", "crate::HTTP2::x1", "super::A"]
        {
            let parameter = format!("extern_path=.a={written},runtime_path=::MyRuntime");
            assert_eq!(path(&parameter, ".a.b.c_d"), Some(format!("{written}::b::CD")));
        }
        let parameter = "runtime_path=crate::My_Runtime";
        let timestamp = path(parameter, ".google.protobuf.Timestamp");
        assert_eq!(timestamp.as_deref(), Some("crate::My_Runtime::prost_types::Timestamp"));
    }

    #[test]
    fn what_is_nested_in_a_mapped_message_is_in_the_module_beside_it() {
        let parameter = "extern_path=.a.Order=crate::Orders::MyOrder";
        let item = path(parameter, ".a.Order.Item");
        assert_eq!(item.as_deref(), Some("crate::Orders::my_order::Item"));
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
