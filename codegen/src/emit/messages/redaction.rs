//! Secrets, the values whose fields have the option `debug_redact`: a `Debug` that does not show
//! them, and a function that takes them out.

use super::{Context, fields::presence, oneofs};
use crate::{
    emit::code::Code,
    model::{Field, Message, Presence, Shape, Value},
    names::Scope,
};

const DEFAULT: &str = "::core::default::Default::default()";
const SOME: &str = "::core::option::Option::Some";

/// What is shown of a secret.
const SHOWN: &str = "&::core::format_args!(\"[REDACTED]\")";

/// ```text
/// impl ::core::fmt::Debug for Login {
///     fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
///         f.debug_struct("Login")
///             .field("user", &self.user)
///             .field("password", &::core::format_args!("[REDACTED]"))
///             .finish()
///     }
/// }
/// ```
pub(super) fn debug(code: &mut Code, cx: &Context, message: &Message) {
    let names = cx.paths().message(message);
    let ident = &names.ident;
    debug_impl(code, ident, |code| {
        code.line(format_args!("f.debug_struct({ident:?})"));
        let plain = message.fields.iter().zip(&names.fields).filter(|(it, _)| it.oneof.is_none());
        for (field, name) in plain {
            let shown = match field.debug_redact {
                true => SHOWN.to_owned(),
                false => {
                    let is_optional = presence(cx, message, field) == Presence::Explicit;
                    let place = format!("&self.{name}");
                    shown(cx, (field, is_optional), (&place, &names.scope))
                }
            };
            code.line(format_args!("    .field({:?}, {shown})", unescaped(name)));
        }
        for oneof in &names.oneofs {
            let name = &oneof.field;
            code.line(format_args!("    .field({:?}, &self.{name})", unescaped(name)));
        }
        code.line(format_args!("    .finish()"));
    });
}

/// ```text
/// match self {
///     Self::Password(_) => {
///         f.debug_tuple("Password").field(&::core::format_args!("[REDACTED]")).finish()
///     }
///     Self::Key(value) => f.debug_tuple("Key").field(value).finish(),
/// }
/// ```
pub(super) fn debug_of_oneof(code: &mut Code, cx: &Context, oneof: &oneofs::Place) {
    debug_impl(code, &oneof.names.ident, |code| {
        code.inner(format_args!("match self"), |code| {
            for (field, name) in oneof.variants() {
                let (value, shown) = match field.debug_redact {
                    true => ("_", SHOWN.to_owned()),
                    false => ("value", shown(cx, (field, false), ("value", oneof.module))),
                };
                code.inner(format_args!("Self::{name}({value}) =>"), |code| {
                    code.line(format_args!("f.debug_tuple({name:?}).field({shown}).finish()"));
                });
            }
        });
    });
}

/// `impl ::core::fmt::Debug for Login { … }`
fn debug_impl(code: &mut Code, ident: &str, content: impl FnOnce(&mut Code)) {
    code.item();
    code.line(format_args!("#[allow(deprecated)]"));
    code.block(format_args!("impl ::core::fmt::Debug for {ident}"), |code| {
        let arguments = "&self, f: &mut ::core::fmt::Formatter<'_>";
        code.block(format_args!("fn fmt({arguments}) -> ::core::fmt::Result"), content);
    });
}

/// What is shown of a value at `place`, a reference: of an enum, its name; of messages from
/// elsewhere that have secrets, what can be.
fn shown(
    cx: &Context,
    (field, is_optional): (&Field, bool),
    (place, scope): (&str, &Scope),
) -> String {
    let runtime = &cx.options.runtime_path;
    if holds_foreign_secrets(cx, field) {
        return format!("{runtime}::codegen::shown!({place})");
    }
    let named = |name| format!("{runtime}::codegen::named::<{}>", cx.path(scope, name));
    let value = place.trim_start_matches('&');
    match &field.shape {
        Shape::Single(Value::Enum(name), _) if is_optional => {
            format!("&{value}.as_ref().map({})", named(name))
        }
        Shape::Single(Value::Enum(name), _) => format!("&{}({place})", named(name)),
        Shape::Repeated(Value::Enum(name), _) => {
            let list = format!("{}::alloc::vec::Vec<_>", cx.prost());
            format!("&{value}.iter().map({}).collect::<{list}>()", named(name))
        }
        Shape::Map(_, Value::Enum(name)) => {
            let map = format!("{}::alloc::collections::BTreeMap<_, _>", cx.prost());
            let named = named(name);
            format!("&{value}.iter().map(|(key, value)| (key, {named}(value))).collect::<{map}>()")
        }
        Shape::Single(..) | Shape::Repeated(..) | Shape::Map(..) => place.to_owned(),
    }
}

/// ```text
/// impl ::rust_scaffold::Redact for Login {
///     fn redact(&mut self) {
///         self.password = ::core::default::Default::default();
///         ::rust_scaffold::Redact::redact(&mut self.address);
///     }
/// }
/// ```
pub(super) fn redact(code: &mut Code, cx: &Context, message: &Message) {
    let names = cx.paths().message(message);
    let runtime = &cx.options.runtime_path;
    code.item();
    code.line(format_args!("#[allow(deprecated)]"));
    code.block(format_args!("impl {runtime}::Redact for {}", names.ident), |code| {
        code.block(format_args!("fn redact(&mut self)"), |code| {
            for (field, name) in message.fields.iter().zip(&names.fields) {
                if field.oneof.is_none() {
                    redact_field(code, cx, (message, field, name));
                }
            }
            for oneof in oneofs::of(cx, message) {
                redact_oneof(code, cx, &oneof);
            }
        });
    });
}

fn redact_field(code: &mut Code, cx: &Context, (message, field, name): (&Message, &Field, &str)) {
    let is_optional = presence(cx, message, field) == Presence::Explicit;
    if field.debug_redact && is_optional {
        code.inner(format_args!("if let {SOME}(value) = &mut self.{name}"), |code| {
            code.line(format_args!("*value = {DEFAULT};"));
        });
    } else if field.debug_redact {
        code.line(format_args!("self.{name} = {DEFAULT};"));
    } else if holds_foreign_secrets(cx, field) {
        redact_foreign(code, cx, (field, is_optional, name));
    } else if holds_secrets(cx, field) {
        let runtime = &cx.options.runtime_path;
        code.line(format_args!("{runtime}::Redact::redact(&mut self.{name});"));
    }
}

/// ```text
/// for value in &mut self.keys {
///     ::rust_scaffold::codegen::redact!(value);
/// }
/// ```
fn redact_foreign(code: &mut Code, cx: &Context, (field, is_optional, name): (&Field, bool, &str)) {
    let redact = format!("{}::codegen::redact!", cx.options.runtime_path);
    let each = match field.shape {
        Shape::Single(..) if is_optional => format!("if let {SOME}(value) = &mut self.{name}"),
        Shape::Single(..) => return code.line(format_args!("{redact}(&mut self.{name});")),
        Shape::Repeated(..) => format!("for value in &mut self.{name}"),
        Shape::Map(..) => format!("for value in self.{name}.values_mut()"),
    };
    code.inner(format_args!("{each}"), |code| code.line(format_args!("{redact}(value);")));
}

/// ```text
/// if let ::core::option::Option::Some(login::Secret::Password(value)) = &mut self.secret {
///     *value = ::core::default::Default::default();
/// }
/// ```
fn redact_oneof(code: &mut Code, cx: &Context, oneof: &oneofs::Place) {
    let runtime = &cx.options.runtime_path;
    let (own, path) = (&oneof.names.field, oneof.path(cx));
    for (field, name) in oneof.variants() {
        if !field.debug_redact && !holds_secrets(cx, field) {
            continue;
        }
        let pattern = format!("{SOME}({path}::{name}(value))");
        code.inner(format_args!("if let {pattern} = &mut self.{own}"), |code| {
            match field.debug_redact {
                true => code.line(format_args!("*value = {DEFAULT};")),
                false if holds_foreign_secrets(cx, field) => {
                    code.line(format_args!("{runtime}::codegen::redact!(value);"));
                }
                false => code.line(format_args!("{runtime}::Redact::redact(value);")),
            }
        });
    }
}

/// Whether the field is not shown as it is.
pub(super) fn hides(cx: &Context, field: &Field) -> bool {
    field.debug_redact || holds_foreign_secrets(cx, field)
}

/// Whether the messages that the field holds have secrets and come from elsewhere: they may or may
/// not implement `Redact`.
fn holds_foreign_secrets(cx: &Context, field: &Field) -> bool {
    let mut types = field.shape.values().filter_map(Value::type_name);
    types.any(|name| cx.secrets.are_in(name) && cx.paths().is_foreign(name))
}

/// Whether the messages that the field holds have secrets.
fn holds_secrets(cx: &Context, field: &Field) -> bool {
    let mut types = field.shape.values().filter_map(Value::type_name);
    types.any(|name| cx.secrets.are_in(name))
}

/// The fields of a oneof, with their names.
/// The name of a field as `Debug` has it.
fn unescaped(name: &str) -> &str {
    name.trim_start_matches("r#")
}
