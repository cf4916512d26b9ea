//! The names of matchers: each message has one, in a module of its file, and each mock has a module
//! `like` with those that its service's requests are made of.
//!
//! A file's matchers follow from the file alone, whichever services use them: files are generated in
//! separate runs, too, and what one run writes another may count on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Notes, Paths,
    scope::{Scope, Taken},
};
use crate::{
    diagnostics::Problem,
    ident,
    model::{File, Message, Scalar, Service, Shape, Types, Value},
};

/// The matchers of a file.
#[derive(Debug)]
pub(crate) struct FileMatchers {
    /// The module that they are in.
    pub(crate) module: String,
    /// Sorted by name.
    pub(crate) matchers: Vec<Matcher>,
}

/// What is in the module `like` of a mock.
#[derive(Debug, Default)]
pub(crate) struct Like {
    /// The modules of matchers that all is taken from.
    pub(crate) modules: Vec<String>,
    /// What comes before that, as several of them have the name: a matcher, and its name here.
    pub(crate) named: Vec<(String, String)>,
}

/// A matcher for the messages of one type.
#[derive(Debug)]
pub(crate) struct Matcher {
    pub(crate) name: String,
    /// The full name in the proto, without a leading dot.
    pub(crate) full_name: String,
    /// The message as seen from the module of matchers.
    pub(crate) message: String,
    pub(crate) parts: Vec<Part>,
}

/// A field or a oneof, of which a matcher can say something.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) method: String,
    /// As the proto calls it.
    pub(crate) name: String,
    /// What the pattern is for.
    pub(crate) target: String,
    /// The field of the struct that holds it.
    pub(crate) field: String,
    /// The variant that holds it, for what is one of several.
    pub(crate) variant: Option<String>,
    /// Whether it is a secret, which failures do not show.
    pub(crate) debug_redact: bool,
}

/// Names the matchers of a file; they are in `scope`, the module of this name.
pub(super) fn of_file(
    file: &File,
    (module, scope): (String, &Scope),
    paths: &Paths,
) -> FileMatchers {
    let view = View { paths, scope };
    let mut taken = Taken::default();
    let mut matchers = Vec::new();
    for message in outer_first(generated(file, paths)) {
        matchers.push(Matcher {
            name: taken.unique(&natural_name(&message.full_name, &file.package)),
            full_name: message.full_name[1..].to_owned(),
            message: view.path(&message.full_name),
            parts: view.parts(message),
        });
    }
    matchers.sort_by(|one, other| one.name.cmp(&other.name));
    FileMatchers { module, matchers }
}

/// Whether the file has messages that there are matchers for.
pub(super) fn has_some(file: &File, paths: &Paths) -> bool {
    generated(file, paths).next().is_some()
}

fn generated<'a>(file: &'a File, paths: &Paths) -> impl Iterator<Item = &'a Message> {
    let messages = file.messages.iter().flat_map(Message::and_nested);
    messages.filter(|message| !paths.is_external(&message.full_name))
}

/// Outer messages get their names before nested ones.
fn outer_first<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<&'a Message> {
    let mut messages = messages.collect::<Vec<_>>();
    messages.sort_by_key(|message| (message.full_name.matches('.').count(), &message.full_name));
    messages
}

/// Where the matchers of all files are.
pub(super) struct Index<'a> {
    /// The matchers of each file, and their module.
    files: HashMap<&'a str, (&'a FileMatchers, Scope)>,
    /// The name of each message's matcher, by the message's full name.
    names: HashMap<&'a str, &'a str>,
}

impl<'a> Index<'a> {
    pub(super) fn new(files: impl Iterator<Item = (&'a str, &'a FileMatchers, &'a Scope)>) -> Self {
        let files = files.map(|(name, matchers, package)| {
            let scope = package.inner(&matchers.module);
            (name, (matchers, scope))
        });
        let files = files.collect::<HashMap<_, _>>();
        let all = files.values().flat_map(|(file, _)| &file.matchers);
        let names = all.map(|it| (it.full_name.as_str(), it.name.as_str())).collect();
        Self { files, names }
    }

    fn has(&self, file: &str, name: &str) -> bool {
        let matchers = self.files.get(file).map_or(&[][..], |(file, _)| &file.matchers);
        matchers.binary_search_by(|it| it.name.as_str().cmp(name)).is_ok()
    }

    /// What is in the module `like` of a service, which is `scope`.
    pub(super) fn like(
        &self,
        service: &Service,
        (paths, types): (&Paths, &Types),
        (scope, notes): (&Scope, &mut Notes),
    ) -> Like {
        let reachable = reachable(service, types, paths);
        let files = reachable.values().map(|(_, file)| file.name.as_str()).collect::<BTreeSet<_>>();
        let module = |file: &str| self.files.get(file).map(|(_, module)| module);
        let mut named = Vec::new();
        for (full_name, name) in in_like(service, &reachable, notes) {
            let (_, file) = reachable[full_name];
            let (Some(natural), Some(module)) =
                (self.names.get(&full_name[1..]), module(&file.name))
            else {
                continue;
            };
            let others = files.iter().filter(|other| **other != file.name);
            if name != **natural || others.into_iter().any(|other| self.has(other, &name)) {
                named.push((scope.path(module, natural), name));
            }
        }
        let modules = files.into_iter().filter_map(module).map(|module| scope.path(module, "*"));
        Like { modules: modules.collect(), named }
    }
}

/// The names of matchers in the module `like` of a service, by the messages' full names: those of the
/// service's own package get their names first, and outer ones before nested ones.
fn in_like<'a>(
    service: &Service,
    reachable: &BTreeMap<&'a str, (&Message, &File)>,
    notes: &mut Notes,
) -> Vec<(&'a str, String)> {
    let own_package = service.full_name.strip_suffix(&service.name).unwrap_or_default();
    let mut reachable = reachable.iter().collect::<Vec<_>>();
    reachable.sort_by_key(|(name, (_, file))| {
        let is_own = format!("{}.", file.package).trim_start_matches('.') == own_package;
        (!is_own, name.matches('.').count())
    });
    let mut taken = Taken::default();
    let mut named = Vec::new();
    for (full_name, (message, file)) in reachable {
        let natural = natural_name(full_name, &file.package);
        let name = taken.unique(&natural);
        if name != natural {
            let proto = &full_name[1..];
            notes.warnings.push(Problem::at(&message.location).says(format!(
                "message `{proto}` has the matcher `{name}` in the mock of `{}`: `{natural}` is \
                 another's",
                service.full_name
            )));
        }
        named.push((*full_name, name));
    }
    named
}

/// The messages that are generated, from the requests on, through all of their fields.
fn reachable<'a>(
    service: &'a Service,
    types: &Types<'a>,
    paths: &Paths,
) -> BTreeMap<&'a str, (&'a Message, &'a File)> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut next = service.methods.iter().map(|method| method.input.as_str()).collect::<Vec<_>>();
    while let Some(name) = next.pop() {
        if !seen.insert(name) || paths.is_external(name) {
            continue;
        }
        let Some((message, file)) = types.message(name) else { continue };
        found.insert(name, (message, file));
        let values = message.fields.iter().flat_map(|field| field.shape.values());
        next.extend(values.filter_map(|value| match value {
            Value::Message(name, _) => Some(name.as_str()),
            Value::Scalar(_) | Value::Enum(_) => None,
        }));
    }
    found
}

/// `.shop.Order.Item` in the package `shop` → `OrderItem`.
fn natural_name(full_name: &str, package: &str) -> String {
    let name = full_name.trim_start_matches('.');
    let name = name.strip_prefix(package).unwrap_or(name);
    ident::upper_camel_of(name.split('.'))
}

/// From where types are named.
struct View<'a> {
    paths: &'a Paths<'a>,
    scope: &'a Scope,
}

impl View<'_> {
    fn parts(&self, message: &Message) -> Vec<Part> {
        let mut taken = Taken::these(&["new"]);
        let names = self.paths.message(message);
        let mut parts = Vec::new();
        for (field, name) in message.fields.iter().zip(&names.fields) {
            let method = taken.unique(&ident::snake(&field.name));
            let oneof = field.oneof.map(|index| (index, &names.oneofs[index]));
            parts.push(Part {
                method,
                name: field.name.clone(),
                target: self.shape(&field.shape),
                field: oneof.map_or(name, |(_, oneof)| &oneof.field).clone(),
                variant: oneof.map(|(index, _)| format!("{}::{name}", self.oneof(message, index))),
                debug_redact: field.debug_redact,
            });
        }
        for (index, (oneof, names)) in message.oneofs.iter().zip(&names.oneofs).enumerate() {
            let method = taken.unique(&ident::snake(&oneof.name));
            parts.push(Part {
                method,
                name: oneof.name.clone(),
                target: self.oneof(message, index),
                field: names.field.clone(),
                variant: None,
                debug_redact: false,
            });
        }
        parts
    }

    fn oneof(&self, message: &Message, index: usize) -> String {
        self.paths.oneof(self.scope, message, index)
    }

    fn shape(&self, shape: &Shape) -> String {
        match shape {
            Shape::Single(value, _) => self.value(value),
            Shape::Repeated(value, _) => format!("[{}]", self.value(value)),
            Shape::Map(key, value) => {
                format!("rt::mock::Map<{}, {}>", self.value(key), self.value(value))
            }
        }
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::Scalar(scalar) => self::scalar(*scalar).to_owned(),
            Value::Enum(name) => format!("rt::mock::Enum<{}>", self.path(name)),
            Value::Message(name, _) if self.paths.is_bytes(name) => {
                self::scalar(Scalar::Bytes).to_owned()
            }
            Value::Message(name, _) => self.path(name),
        }
    }

    fn path(&self, type_name: &str) -> String {
        self.paths.path(self.scope, type_name)
    }
}

fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bool => "bool",
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "i32",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "i64",
        Scalar::Uint32 | Scalar::Fixed32 => "u32",
        Scalar::Uint64 | Scalar::Fixed64 => "u64",
        Scalar::Float => "f32",
        Scalar::Double => "f64",
        Scalar::String => "rt::String",
        Scalar::Bytes => "rt::mock::Bytes",
    }
}
