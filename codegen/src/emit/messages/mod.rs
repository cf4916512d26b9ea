//! Messages, as `prost`'s derives want them.

mod default;
mod enums;
mod fields;
mod oneofs;
mod redaction;

use super::{code::Code, is_acronym};
use crate::{
    docs::Docs,
    graph::Graph,
    model::{Enum, Field, File, Message, Shape, Types},
    names::{MessageNames, Names, Paths, Scope},
    options::{Derived, Options, Pair, matches, values_for},
    secrets::Secrets,
};

/// All that there is to know of messages.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) types: &'a Types<'a>,
    pub(crate) names: &'a Names<'a>,
    pub(crate) graph: &'a Graph<'a>,
    pub(crate) secrets: &'a Secrets<'a>,
}

/// The messages and enums of a file, but for those that come from elsewhere.
pub(crate) fn messages(cx: &Context, file: &File) -> String {
    let mut code = Code::default();
    level(&mut code, cx, (&file.messages, &file.enums));
    code.finish()
}

/// The type of a field, or of the variant that stands for it, as the root of all modules sees it.
#[cfg(feature = "cli")]
pub(crate) fn field_type(cx: &Context, message: &Message, field: &Field) -> String {
    fields::rust_type(cx, (message, field), &Scope::default())
}

/// What is declared at one place: in a package, or in a message.
fn level(code: &mut Code, cx: &Context, (messages, enums): (&[Message], &[Enum])) {
    let paths = &cx.names.paths;
    for message in messages.iter().filter(|message| !paths.is_external(&message.full_name)) {
        self::message(code, cx, message);
    }
    for it in enums.iter().filter(|it| !paths.is_external(&it.full_name)) {
        enums::enumeration(code, cx, it);
    }
}

/// ```text
/// #[derive(Clone, PartialEq, ::rust_scaffold::prost::Message)]
/// #[prost(prost_path = "::rust_scaffold::prost")]
/// pub struct Order {
///     …
/// }
///
/// /// Nested message and enum types in `Order`.
/// pub mod order {
///     …
/// }
/// ```
fn message(code: &mut Code, cx: &Context, message: &Message) {
    let names = cx.paths().message(message);
    let MessageNames { ident, .. } = names;
    code.item();
    cx.docs(code, &message.docs, &message.full_name);
    let derives = Derives {
        can_copy: cx.graph.can_copy(message),
        can_eq: cx.graph.can_eq(message),
        debug: debug(cx, message),
        kind: "Message",
    };
    let own = (cx.options.message_attribute.as_slice(), derives.derived());
    cx.type_attributes(code, own, &message.full_name);
    derives.write(code, cx);
    allow_acronyms(code, [ident.as_str()]);
    code.block(format_args!("pub struct {ident}"), |code| {
        for (field, name) in message.fields.iter().zip(&names.fields) {
            if field.oneof.is_none() {
                fields::field(code, cx, (message, field, name));
            }
        }
        for oneof in oneofs::of(cx, message) {
            oneofs::field(code, cx, &oneof);
        }
    });
    if matches!(debug(cx, message), Debug::Written) {
        redaction::debug(code, cx, message);
    }
    if cx.secrets.are_in(&message.full_name) {
        redaction::redact(code, cx, message);
    }
    if message.has_module() {
        let module = names.module.modules().last().map_or("", String::as_str);
        code.item();
        code.line(format_args!("/// Nested message and enum types in `{}`.", message.name));
        code.block(format_args!("pub mod {module}"), |code| {
            level(code, cx, (&message.messages, &message.enums));
            for oneof in oneofs::of(cx, message) {
                oneofs::enumeration(code, cx, &oneof);
            }
        });
    }
    if cx.options.enable_type_names {
        type_name(code, cx, message);
    }
}

/// `#[allow(clippy::upper_case_acronyms)]`, if a type or a variant is called like one.
fn allow_acronyms<'a>(code: &mut Code, names: impl IntoIterator<Item = &'a str>) {
    if names.into_iter().any(is_acronym) {
        code.line(format_args!("#[allow(clippy::upper_case_acronyms)]"));
    }
}

/// Which `Debug` a message has.
enum Debug {
    /// The one that comes with prost's derive.
    Prost,
    /// The standard library's: what prost derives for a `BTreeMap` names the crate `prost`,
    /// wherever `prost_path` points, and users have only the runtime.
    Derived,
    /// One that does not show secrets.
    Written,
    /// None, as the option `skip_debug` wants it.
    None,
}

fn debug(cx: &Context, message: &Message) -> Debug {
    let mut fields = message.fields.iter().filter(|field| field.oneof.is_none());
    let has_btree_map = message.fields.iter().any(|field| {
        matches!(field.shape, Shape::Map(..))
            && cx.is_set_for(&cx.options.btree_map, message, field)
    });
    match () {
        () if cx.skips_debug(&message.full_name) => Debug::None,
        () if fields.any(|field| redaction::hides(cx, field)) => Debug::Written,
        () if has_btree_map => Debug::Derived,
        () => Debug::Prost,
    }
}

/// The traits that a message or the enum of a oneof has.
struct Derives {
    can_copy: bool,
    can_eq: bool,
    debug: Debug,
    /// The derive of prost.
    kind: &'static str,
}

impl Derives {
    /// What a type has by them, `Default` by that of prost.
    fn derived(&self) -> Derived {
        let traits = [
            ("Clone", true),
            ("PartialEq", true),
            ("Default", self.kind == "Message"),
            ("Debug", !matches!(self.debug, Debug::None)),
            ("Copy", self.can_copy),
            ("Eq", self.can_eq),
            ("Hash", self.can_eq),
        ];
        Derived::new(traits.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)))
    }

    fn write(&self, code: &mut Code, cx: &Context) {
        let copy = if self.can_copy { "Copy, " } else { "" };
        let eq = if self.can_eq { "Eq, Hash, " } else { "" };
        let debug = if matches!(self.debug, Debug::Derived) { "Debug, " } else { "" };
        let (prost, kind) = (cx.prost(), self.kind);
        code.line(format_args!("#[derive(Clone, {copy}{debug}PartialEq, {eq}{prost}::{kind})]"));
        cx.prost_path(code);
        if !matches!(self.debug, Debug::Prost) {
            code.line(format_args!("#[prost(skip_debug)]"));
        }
    }
}

/// `impl ::rust_scaffold::prost::Name for Order { … }`
fn type_name(code: &mut Code, cx: &Context, message: &Message) {
    let names = cx.paths().message(message);
    let full_name = message.full_name.trim_start_matches('.');
    let package = cx.types.message(&message.full_name).map_or("", |(_, file)| &file.package);
    let string = format!("{}::alloc::string::String", cx.prost());
    let domain = values_for(&cx.options.type_name_domain, &message.full_name).last().unwrap_or("");
    code.item();
    code.block(format_args!("impl {}::Name for {}", cx.prost(), names.ident), |code| {
        code.line(format_args!("const NAME: &'static str = {:?};", message.name));
        code.line(format_args!("const PACKAGE: &'static str = {package:?};"));
        code.end_item();
        for (function, text) in
            [("full_name", full_name.to_owned()), ("type_url", format!("{domain}/{full_name}"))]
        {
            code.item();
            code.block(format_args!("fn {function}() -> {string}"), |code| {
                code.line(format_args!("{string}::from({text:?})"));
            });
        }
    });
}

impl<'a> Context<'a> {
    fn paths(&self) -> &'a Paths<'a> {
        &self.names.paths
    }

    /// `::rust_scaffold::prost`
    fn prost(&self) -> String {
        format!("{}::prost", self.options.runtime_path)
    }

    /// `#[prost(prost_path = "::rust_scaffold::prost")]`
    fn prost_path(&self, code: &mut Code) {
        code.line(format_args!("#[prost(prost_path = \"{}\")]", self.prost()));
    }

    fn skips_debug(&self, full_name: &str) -> bool {
        self.options.skip_debug.iter().any(|path| matches(path, full_name))
    }

    /// Whether an option that holds for paths does so for a field.
    fn is_set_for(&self, paths: &[String], message: &Message, field: &Field) -> bool {
        !paths.is_empty() && {
            let name = format!("{}.{}", message.full_name, field.name);
            paths.iter().any(|path| matches(path, &name))
        }
    }

    /// The comments around an item, unless the option `disable_comments` is set for it.
    fn docs(&self, code: &mut Code, docs: &Docs, full_name: &str) {
        if !self.options.disable_comments.iter().any(|path| matches(path, full_name)) {
            code.comments(&docs.detached);
            code.docs(&docs.lines);
        }
    }

    /// The attributes of a type: those of all types, and those of its kind, without what is derived
    /// for it anyway.
    fn type_attributes(
        &self,
        code: &mut Code,
        (of_kind, mut derived): (&[Pair], Derived),
        full_name: &str,
    ) {
        let options = [&self.options.type_attribute, of_kind];
        for text in options.into_iter().flat_map(|pairs| values_for(pairs, full_name)) {
            for attribute in derived.add(text) {
                code.line(format_args!("{attribute}"));
            }
        }
    }

    /// The attributes of a field, variant or enum value.
    fn field_attributes(&self, code: &mut Code, scope: &str, name: &str) {
        if !self.options.field_attribute.is_empty() {
            let name = format!("{scope}.{name}");
            for attribute in values_for(&self.options.field_attribute, &name) {
                code.line(format_args!("{attribute}"));
            }
        }
    }

    /// A type as seen from a module.
    fn path(&self, from: &Scope, type_name: &str) -> String {
        self.paths().path(from, type_name)
    }
}
