//! The names of the matchers of a service: one for each message that its requests are made of.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{
    Notes, ident,
    paths::{Paths, is_bytes},
    unique,
};
use crate::{
    diagnostics::Problem,
    model::{Field, Message, Model, Oneof, Scalar, Service, Shape, Value},
};

/// A matcher for the messages of one type.
#[derive(Debug)]
pub(crate) struct Matcher {
    pub(crate) name: Ident,
    /// The full name in the proto, without a leading dot.
    pub(crate) full_name: String,
    /// The message as seen from the module of matchers.
    pub(crate) message: TokenStream,
    pub(crate) parts: Vec<Part>,
}

/// A field or a oneof, of which a matcher can say something.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) method: Ident,
    /// As the proto calls it.
    pub(crate) name: String,
    /// What the pattern is for.
    pub(crate) target: TokenStream,
    /// The field of the struct that holds it.
    pub(crate) field: Ident,
    /// The variant that holds it, for what is one of several.
    pub(crate) variant: Option<TokenStream>,
}

/// Names a matcher for each message that the requests of `service` are made of.
pub(super) fn assign(
    service: &Service,
    package: &str,
    (model, paths): (&Model, &Paths),
    notes: &mut Notes,
) -> Vec<Matcher> {
    let reachable = reachable(service, model, paths);
    // Those of the service's own package get their names first, and outer ones before nested ones.
    let mut reachable = reachable.into_iter().collect::<Vec<_>>();
    reachable.sort_by_key(|(name, _)| {
        (model.types[*name].package != package, name.matches('.').count())
    });
    let mut taken = BTreeSet::new();
    let mut matchers = Vec::new();
    for (full_name, message) in reachable {
        let natural = natural_name(full_name, &model.types[full_name].package);
        let name = unique(&mut taken, &natural);
        if name != natural {
            let proto = &full_name[1..];
            notes.warnings.push(Problem::at(&message.location).says(format!(
                "message `{proto}` has the matcher `{name}` in the mock of `{}`: `{natural}` is \
                 another's",
                service.full_name
            )));
        }
        let scope = Scope { paths, package };
        matchers.push(Matcher {
            name: ident::token(&name),
            full_name: full_name[1..].to_owned(),
            message: scope.path(full_name),
            parts: scope.parts(full_name, message),
        });
    }
    matchers.sort_by(|one, other| one.name.cmp(&other.name));
    matchers
}

/// The messages that are generated, from the requests on, through all of their fields.
fn reachable<'a>(
    service: &'a Service,
    model: &'a Model,
    paths: &Paths,
) -> BTreeMap<&'a str, &'a Message> {
    let mut found = BTreeMap::new();
    let mut next = service.methods.iter().map(|method| method.input.as_str()).collect::<Vec<_>>();
    while let Some(name) = next.pop() {
        let declared = model.types.get(name).and_then(|declared| declared.message.as_ref());
        let Some(message) = declared.filter(|_| paths.external(name).is_none()) else { continue };
        if found.insert(name, message).is_none() {
            let values = message.fields.iter().flat_map(|field| field.shape.values());
            next.extend(values.filter_map(|value| match value {
                Value::Message(name) => Some(name.as_str()),
                Value::Scalar(_) | Value::Enum(_) => None,
            }));
        }
    }
    found
}

/// `.shop.Order.Item` in the package `shop` → `OrderItem`.
fn natural_name(full_name: &str, package: &str) -> String {
    let name = full_name.trim_start_matches('.');
    let name = name.strip_prefix(package).unwrap_or(name);
    let parts = name.split('.').filter(|part| !part.is_empty());
    let parts = parts.map(ident::upper_camel).collect::<Vec<_>>();
    match parts.as_slice() {
        [only] => only.clone(),
        parts => parts.concat(),
    }
}

/// From where names are looked up.
struct Scope<'a> {
    paths: &'a Paths,
    package: &'a str,
}

impl Scope<'_> {
    fn parts(&self, message_name: &str, message: &Message) -> Vec<Part> {
        let mut taken = BTreeSet::from(["new".to_owned()]);
        let mut parts = Vec::new();
        for field in &message.fields {
            let oneof = field.oneof.and_then(|index| message.oneofs.get(index));
            let method = unique(&mut taken, &ident::snake(&field.name));
            parts.push(Part {
                method: ident::token(&method),
                name: field.name.clone(),
                target: self.shape(&field.shape),
                field: field_ident(oneof.map_or(&field.name, |oneof| &oneof.name)),
                variant: oneof.map(|oneof| {
                    let (path, variant) =
                        (self.oneof(message_name, oneof), variant_ident(&field.name));
                    quote!(#path::#variant)
                }),
            });
        }
        let has_fields = |index| message.fields.iter().any(|it: &Field| it.oneof == Some(index));
        let oneofs = message.oneofs.iter().enumerate().filter(|(index, _)| has_fields(*index));
        for (_, oneof) in oneofs {
            let method = unique(&mut taken, &ident::snake(&oneof.name));
            parts.push(Part {
                method: ident::token(&method),
                name: oneof.name.clone(),
                target: self.oneof(message_name, oneof),
                field: field_ident(&oneof.name),
                variant: None,
            });
        }
        parts
    }

    /// The enum that prost makes of a oneof, in the module of its message.
    fn oneof(&self, message_name: &str, oneof: &Oneof) -> TokenStream {
        let mut name = ident::upper_camel(&oneof.name);
        if oneof.is_taken {
            name.push_str("OneOf");
        }
        // As if it were nested in the message: only the last part of a path is not a module.
        let place = self.paths.in_service(self.package, &format!("{message_name}.{name}"));
        let module = place.rsplit_once("::").map_or("", |(module, _)| module);
        deeper(&format!("{module}::{name}"))
    }

    fn shape(&self, shape: &Shape) -> TokenStream {
        match shape {
            Shape::Single(value) => self.value(value),
            Shape::Repeated(value) => {
                let value = self.value(value);
                quote!([#value])
            }
            Shape::Map(key, value) => {
                let (key, value) = (self.value(key), self.value(value));
                quote!(rt::mock::Map<#key, #value>)
            }
        }
    }

    fn value(&self, value: &Value) -> TokenStream {
        match value {
            Value::Scalar(scalar) => self::scalar(*scalar),
            Value::Enum(name) => {
                let path = self.path(name);
                quote!(rt::mock::Enum<#path>)
            }
            Value::Message(name) if self.paths.external(name).is_some_and(|it| is_bytes(&it)) => {
                self::scalar(Scalar::Bytes)
            }
            Value::Message(name) => self.path(name),
        }
    }

    /// A type as seen from the module of matchers, which is in the mock's.
    fn path(&self, type_name: &str) -> TokenStream {
        deeper(&self.paths.in_service(self.package, type_name))
    }
}

/// A path as seen from one module further in.
fn deeper(path: &str) -> TokenStream {
    let is_relative = path.starts_with("super::");
    let path = if is_relative { format!("super::{path}") } else { path.to_owned() };
    path.parse().unwrap_or_default()
}

fn field_ident(name: &str) -> Ident {
    ident::token(&ident::snake(name))
}

fn variant_ident(name: &str) -> Ident {
    ident::token(&ident::upper_camel(name))
}

fn scalar(scalar: Scalar) -> TokenStream {
    match scalar {
        Scalar::Bool => quote!(bool),
        Scalar::I32 => quote!(i32),
        Scalar::I64 => quote!(i64),
        Scalar::U32 => quote!(u32),
        Scalar::U64 => quote!(u64),
        Scalar::F32 => quote!(f32),
        Scalar::F64 => quote!(f64),
        Scalar::String => quote!(rt::String),
        Scalar::Bytes => quote!(rt::mock::Bytes),
    }
}
