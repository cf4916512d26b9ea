//! The names of the matchers of a service: one for each message that its requests are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Notes, Paths, ident,
    scope::{Scope, Taken},
};
use crate::{
    diagnostics::Problem,
    model::{Message, Scalar, Service, Shape, Types, Value},
};

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

/// Names a matcher for each message that the requests of `service` are made of; they are in
/// `scope`.
pub(super) fn assign(
    service: &Service,
    scope: &Scope,
    (paths, types): (&Paths, &Types),
    notes: &mut Notes,
) -> Vec<Matcher> {
    let reachable = reachable(service, types, paths);
    // Those of the service's own package get their names first, and outer ones before nested ones.
    let mut reachable = reachable.into_iter().collect::<Vec<_>>();
    let own_package = service.full_name.strip_suffix(&service.name).unwrap_or_default();
    reachable.sort_by_key(|(name, reached)| {
        let is_own = format!("{}.", reached.package).trim_start_matches('.') == own_package;
        (!is_own, name.matches('.').count())
    });
    let mut taken = Taken::default();
    let mut matchers = Vec::new();
    for (full_name, Reached { message, package }) in reachable {
        let natural = natural_name(full_name, package);
        let name = taken.unique(&natural);
        if name != natural {
            let proto = &full_name[1..];
            notes.warnings.push(Problem::at(&message.location).says(format!(
                "message `{proto}` has the matcher `{name}` in the mock of `{}`: `{natural}` is \
                 another's",
                service.full_name
            )));
        }
        let view = View { paths, scope };
        matchers.push(Matcher {
            name,
            full_name: full_name[1..].to_owned(),
            message: view.path(full_name),
            parts: view.parts(message),
        });
    }
    matchers.sort_by(|one, other| one.name.cmp(&other.name));
    matchers
}

/// A message of requests, and its package.
struct Reached<'a> {
    message: &'a Message,
    package: &'a str,
}

/// The messages that are generated, from the requests on, through all of their fields.
fn reachable<'a>(
    service: &'a Service,
    types: &Types<'a>,
    paths: &Paths,
) -> BTreeMap<&'a str, Reached<'a>> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut next = service.methods.iter().map(|method| method.input.as_str()).collect::<Vec<_>>();
    while let Some(name) = next.pop() {
        if !seen.insert(name) || paths.is_external(name) {
            continue;
        }
        let Some((message, file)) = types.message(name) else { continue };
        found.insert(name, Reached { message, package: &file.package });
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
