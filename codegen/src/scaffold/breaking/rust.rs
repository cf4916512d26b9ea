//! What breaks in Rust code that uses what is generated, by the generator's own model.
//!
//! What is new in a message or enum is not reported: whoever follows protos writes
//! `..Default::default()` and `_ =>`.

use super::{
    compare::{Class, Comparison, Rule, Side},
    messages::{named, shown},
};
use crate::{
    diagnostics::Location,
    emit::messages::field_type,
    model::{Enum, Field, Message, Method, Service, Shape},
    names::{Item, Scope},
};

const MESSAGE_DELETED: Rule = (
    Class::Rust,
    "PACKAGE_MESSAGE_NO_DELETE",
    "keep the message, marked as deprecated, as long as somebody names it",
);
const ENUM_DELETED: Rule = (
    Class::Rust,
    "PACKAGE_ENUM_NO_DELETE",
    "keep the enum, marked as deprecated, as long as somebody names it",
);
pub(super) const FIELD_DELETED: Rule = (
    Class::Rust,
    "FIELD_NO_DELETE",
    "keep the field, marked as deprecated, as long as somebody names it",
);
pub(super) const VALUE_DELETED: Rule = (
    Class::Rust,
    "ENUM_VALUE_NO_DELETE",
    "keep the value, marked as deprecated, as long as somebody names it",
);
pub(super) const ONEOF_DELETED: Rule =
    (Class::Rust, "ONEOF_NO_DELETE", "keep the name: the field and its enum are called by it");
const PATH: Rule =
    (Class::Rust, "RUST_SAME_PATH", "rename what has taken the name, or re-export the old path");
const NAME: Rule = (Class::Rust, "RUST_SAME_NAME", "rename what has taken the name");
const TRAIT: Rule = (
    Class::Rust,
    "RUST_TRAIT_NO_DELETE",
    "move what cannot have the trait to a message of its own, held by a repeated field",
);
const TYPE: Rule = (Class::Rust, "FIELD_SAME_TYPE", "add a field, and deprecate this one");
const CARDINALITY: Rule = (
    Class::Rust,
    "FIELD_SAME_CARDINALITY",
    "leave the field as it was: one that is `optional` is an `Option`, and others are not",
);
const BOXED: Rule = (
    Class::Rust,
    "RUST_SAME_BOX",
    "set the option `boxed` for the field, if it was boxed, or keep its message from holding this one",
);
const REQUEST: Rule =
    (Class::Rust, "RUST_SAME_REQUEST_TYPE", "keep the name, or rename the type in all code");
const RESPONSE: Rule =
    (Class::Rust, "RUST_SAME_RESPONSE_TYPE", "keep the name, or rename the type in all code");
pub(super) const METHOD_ADDED: Rule = (
    Class::Rust,
    "RUST_CONTRACT_NO_ADD",
    "`cargo scaffold sync` adds the method to implementations",
);

impl<'a> Comparison<'a> {
    pub(super) fn deleted_message(&mut self, message: &Message) {
        self.deleted_type(MESSAGE_DELETED, "message", (&message.full_name, &message.location));
    }

    pub(super) fn deleted_enum(&mut self, it: &Enum) {
        self.deleted_type(ENUM_DELETED, "enum", (&it.full_name, &it.location));
    }

    fn deleted_type(&mut self, rule: Rule, kind: &str, (name, location): (&str, &Location)) {
        self.about(shown(name));
        self.push(rule, Side::Then(location.clone()), format!("{kind} `{}` is gone", shown(name)));
    }

    pub(super) fn rust_enum(&mut self, then: &Enum, now: &Enum) {
        self.about(shown(&then.full_name));
        let paths = (self.path_then(&then.full_name), self.path_now(&now.full_name));
        self.same_path(shown(&then.full_name), &now.location, paths);
    }

    /// What the modules of a service with the same name have for others, and its methods.
    pub(super) fn rust_service(&mut self, then: &Service, now: &Service) {
        let both = self.then.service_names(then).zip(self.now.service_names(now));
        let Some(((scope_then, before), (scope_now, after))) = both else { return };
        self.about(&*then.full_name);
        for (was, is) in [
            (&before.contract, &after.contract),
            (&before.server, &after.server),
            (&before.client, &after.client),
            (&before.mock.item, &after.mock.item),
        ] {
            let paths = (item_path(scope_then, was), item_path(scope_now, is));
            self.same_path(&then.full_name, &now.location, paths);
        }
        for (method, was) in then.methods.iter().zip(&before.methods) {
            let mut others = now.methods.iter().zip(&after.methods);
            let Some((other, is)) = others.find(|(other, _)| other.name == method.name) else {
                continue;
            };
            if was.method != is.method {
                self.about(&method.path[1..]);
                let what = format!(
                    "rpc `{}` was `{}` in Rust, and is `{}`",
                    &method.path[1..],
                    was.method,
                    is.method
                );
                self.push(NAME, Side::Now(other.location.clone()), what);
            }
        }
    }

    fn same_path(&mut self, name: &str, now: &Location, (was, is): (String, String)) {
        if was != is {
            let what = format!("`{name}` became `{was}`, and becomes `{is}`");
            self.push(PATH, Side::Now(now.clone()), what);
        }
    }

    /// The path of a type with the same name, and the traits that others may rely on.
    pub(super) fn rust_message(&mut self, then: &Message, now: &Message) {
        let name = shown(&then.full_name);
        self.about(name);
        let place = || Side::Now(now.location.clone());
        let (was, is) = (self.path_then(&then.full_name), self.path_now(&now.full_name));
        self.same_path(name, &now.location, (was.clone(), is));
        let (before, after) = (self.then.cx.graph, self.now.cx.graph);
        for (traits, is_lost) in [
            ("`Copy`", before.can_copy(then) && !after.can_copy(now)),
            ("`Eq` and `Hash`", before.can_eq(then) && !after.can_eq(now)),
        ] {
            if is_lost {
                self.push(TRAIT, place(), format!("`{was}` is not {traits} any more"));
            }
        }
    }

    /// A field that is otherwise what it was.
    pub(super) fn rust_field(
        &mut self,
        (message_then, then): (&Message, &Field),
        (message_now, now): (&Message, &Field),
    ) {
        let place = || Side::Now(now.location.clone());
        let name = named(message_then, then);
        let was = field_type(self.then.cx, message_then, then);
        let is = field_type(self.now.cx, message_now, now);
        if was != is {
            let rule = match (&then.shape, &now.shape) {
                (then, now) if then == now => BOXED,
                (Shape::Single(then, was), Shape::Single(now, is)) if was != is && then == now => {
                    CARDINALITY
                }
                _ => TYPE,
            };
            let [was, is] = [was, is].map(|it| short(&it));
            self.push(rule, place(), format!("{name} was `{was}` in Rust, and is `{is}`"));
        }
        let was = self.then.field_name(message_then, then);
        let is = self.now.field_name(message_now, now);
        if was != is {
            self.push(NAME, place(), format!("{name} was `{was}` in Rust, and is `{is}`"));
        }
    }

    /// The messages of a method that calls and is called as it was.
    pub(super) fn rust_method(&mut self, then: &Method, now: &Method) {
        for (rule, what, was, is) in [
            (REQUEST, "the request", &then.input, &now.input),
            (RESPONSE, "the response", &then.output, &now.output),
        ] {
            let (was, is) = (self.path_then(was), self.path_now(is));
            if was != is {
                let what =
                    format!("{what} of rpc `{}` was `{was}`, and is `{is}`", &then.path[1..]);
                self.push(rule, Side::Now(now.location.clone()), what);
            }
        }
    }

    fn path_then(&self, name: &str) -> String {
        self.then.cx.names.paths.path(&Scope::default(), name)
    }

    fn path_now(&self, name: &str) -> String {
        self.now.cx.names.paths.path(&Scope::default(), name)
    }
}

/// By which path one names an item of a service: that of the package, if it has it.
fn item_path(scope: &Scope, item: &Item) -> String {
    let module = Some(item.module.as_str()).filter(|_| !item.reexported);
    let modules = scope.modules().iter().map(String::as_str);
    modules.chain(module).chain([item.name.as_str()]).collect::<Vec<_>>().join("::")
}

/// A type without the paths that everybody knows.
fn short(of: &str) -> String {
    let parts = of.split_inclusive(['<', '>', ',', ' ']);
    let known = |part: &str| {
        part.starts_with("::core::") || part.starts_with("::std::") || part.contains("::alloc::")
    };
    parts
        .map(|part| if known(part) { part.rsplit("::").next().unwrap_or(part) } else { part })
        .collect()
}
