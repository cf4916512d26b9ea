//! What breaks when a message changes.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    compare::{Class, Comparison, Rule, Side},
    rust::{FIELD_DELETED, ONEOF_DELETED},
};
use crate::model::{
    EnumValue, Field, Message, Presence, Reserved, Scalar, Shape, Type, Types, Value,
};

const NUMBER_DELETED: Rule = (
    Class::Wire,
    "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
    "reserve the number, so that no other field ever gets it",
);
const NAME_DELETED: Rule = (
    Class::Json,
    "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
    "reserve the name, so that no other field ever gets it",
);
const NAME: Rule =
    (Class::Json, "FIELD_SAME_NAME", "keep the name, or add a field and deprecate this one");
const JSON_NAME: Rule = (Class::Json, "FIELD_SAME_JSON_NAME", "keep the old name as `json_name`");
const ONEOF: Rule = (
    Class::Wire,
    "FIELD_SAME_ONEOF",
    "leave the field where it was: what sets it clears the others of a oneof",
);
const DEFAULT: Rule = (
    Class::Wire,
    "FIELD_SAME_DEFAULT",
    "keep the default: it is not sent, so each side takes its own",
);
const REQUIRED: Rule = (
    Class::Wire,
    "MESSAGE_SAME_REQUIRED_FIELDS",
    "leave the field as it was: a message without a required field cannot be read",
);
const RESERVED: Rule = (
    Class::Wire,
    "RESERVED_MESSAGE_NO_DELETE",
    "leave it reserved: messages that were written before may have it",
);

impl<'a> Comparison<'a> {
    pub(super) fn message(&mut self, then: &'a Message, now: &'a Message) {
        for field in &then.fields {
            match now.fields.iter().find(|other| other.number == field.number) {
                Some(other) => self.field((then, field), (now, other)),
                None => self.deleted_field(then, field, now),
            }
        }
        for field in now.fields.iter().filter(|field| is_required(field)) {
            if then.fields.iter().all(|other| other.number != field.number) {
                self.about(full_name(now, field));
                let what = format!("{} is new, and required", named(now, field));
                self.push(REQUIRED, Side::Now(field.location.clone()), what);
            }
        }
        self.about(shown(&then.full_name));
        for gone in unreserved(&then.reserved, &now.reserved) {
            let what = format!("{gone} is no longer reserved in `{}`", shown(&now.full_name));
            self.push(RESERVED, Side::Now(now.location.clone()), what);
        }
    }

    fn deleted_field(&mut self, then: &Message, field: &Field, now: &Message) {
        let what = |reserved: String| {
            format!("{} is gone, and {reserved} is not reserved", named(then, field))
        };
        let (number, count) = (field.number, self.count());
        self.about(full_name(then, field));
        if !now.reserved.has_numbers((number, number)) {
            self.push(NUMBER_DELETED, Side::Now(now.location.clone()), what(number.to_string()));
        }
        let is_taken = now.fields.iter().any(|other| other.name == field.name);
        if !now.reserved.has_name(&field.name) && !is_taken {
            let what = what(format!("`{}`", field.name));
            self.push(NAME_DELETED, Side::Now(now.location.clone()), what);
        }
        if is_required(field) {
            let what = format!("{} was required, and is gone", named(then, field));
            self.push(REQUIRED, Side::Now(now.location.clone()), what);
        }
        if self.count() == count {
            let what = format!("{} is gone", named(then, field));
            self.push(FIELD_DELETED, Side::Now(now.location.clone()), what);
        }
    }

    fn field(
        &mut self,
        (message_then, then): (&'a Message, &'a Field),
        (message_now, now): (&'a Message, &'a Field),
    ) {
        let place = || Side::Now(now.location.clone());
        let name = named(message_then, then);
        self.about(full_name(message_then, then));
        let count = self.count();
        if then.name != now.name {
            self.push(NAME, place(), format!("{name} is `{}` now", now.name));
        } else if then.json_name != now.json_name {
            let what =
                format!("{name} was `{}` in JSON, and is `{}`", then.json_name, now.json_name);
            self.push(JSON_NAME, place(), what);
        }
        if let Some((rule, was, is)) = self.shape(&then.shape, &now.shape) {
            self.push(rule, place(), format!("{name} was `{was}`, and is `{is}`"));
        }
        match (is_required(then), is_required(now)) {
            (false, true) => self.push(REQUIRED, place(), format!("{name} has become required")),
            (true, false) => self.push(REQUIRED, place(), format!("{name} was required")),
            _ => {}
        }
        let defaults = default(then, self.then.cx.types).zip(default(now, self.now.cx.types));
        if let Some((was, is)) = defaults.filter(|(was, is)| was.value != is.value) {
            let what =
                format!("the default of {name} was `{}`, and is `{}`", was.written, is.written);
            self.push(DEFAULT, place(), what);
        }
        self.oneof((message_then, then), (message_now, now));
        if self.count() == count {
            self.rust_field((message_then, then), (message_now, now));
        }
    }

    fn oneof(&mut self, then: (&Message, &Field), now: (&Message, &Field)) {
        let name = named(then.0, then.1);
        let (rule, what) = match (oneof(then), oneof(now)) {
            (None, None) => return,
            (Some(was), None) => (ONEOF, format!("{name} was in the oneof `{was}`")),
            (None, Some(is)) => (ONEOF, format!("{name} is in the oneof `{is}` now")),
            (Some(was), Some(is)) if was == is => return,
            // The name of a oneof is neither on the wire nor in JSON.
            (Some(was), Some(is)) if is_renamed(then, now) => {
                (ONEOF_DELETED, format!("{name} was in the oneof `{was}`, which is `{is}` now"))
            }
            (Some(was), Some(is)) => {
                (ONEOF, format!("{name} was in the oneof `{was}`, and is in `{is}`"))
            }
        };
        self.push(rule, Side::Now(now.1.location.clone()), what);
    }
}

/// Whether the oneof of a field has another name, and all else of it is as it was: there is none of
/// the old name any more, there was none of the new one, and of the fields that there are on both
/// sides, it holds the same.
fn is_renamed(then: (&Message, &Field), now: (&Message, &Field)) -> bool {
    let is_new = |(message, field), other: &Message| {
        let name = oneof((message, field));
        other.oneofs.iter().all(|oneof| Some(&*oneof.name) != name)
    };
    let numbers = |(message, field): (&Message, &Field), other: &Message| {
        let fields = field.oneof.into_iter().flat_map(|oneof| message.fields_of(oneof));
        let numbers = fields.map(|field| field.number);
        let is_there = |number: &i32| other.fields.iter().any(|field| field.number == *number);
        numbers.filter(is_there).collect::<BTreeSet<_>>()
    };
    is_new(then, now.0) && is_new(now, then.0) && numbers(then, now.0) == numbers(now, then.0)
}

fn oneof<'a>((message, field): (&'a Message, &Field)) -> Option<&'a str> {
    Some(&*message.oneofs.get(field.oneof?)?.name)
}

/// What a field is read as that has not been sent.
struct Default<'a> {
    /// Nothing if it need not be written: zero, false, empty. An enum's value by its number.
    value: Option<Cow<'a, str>>,
    written: &'a str,
}

fn default<'a>(field: &'a Field, types: &Types<'a>) -> Option<Default<'a>> {
    let Shape::Single(value, _) = &field.shape else { return None };
    let own = field.default.as_deref();
    let (value, zero, written) = match value {
        Value::Message(..) => return None,
        Value::Scalar(Scalar::String | Scalar::Bytes) => (own.map(Cow::from), "", own),
        Value::Scalar(Scalar::Bool) => (own.map(Cow::from), "false", own),
        Value::Scalar(_) => (own.map(Cow::from), "0", own),
        Value::Enum(name) => {
            let Type::Enum(of) = types.get(name)?.kind else { return None };
            let is_own = |value: &&EnumValue| Some(&*value.name) == own;
            let value = of.values.iter().find(is_own).or(of.values.first())?;
            (Some(value.number.to_string().into()), "0", Some(&*value.name))
        }
    };
    Some(Default { value: value.filter(|value| value != zero), written: written.unwrap_or(zero) })
}

fn is_required(field: &Field) -> bool {
    matches!(field.shape, Shape::Single(_, Presence::Required))
}

pub(super) fn named(message: &Message, field: &Field) -> String {
    format!("field {} `{}`", field.number, full_name(message, field))
}

fn full_name(message: &Message, field: &Field) -> String {
    format!("{}.{}", shown(&message.full_name), field.name)
}

/// What was reserved and is no longer, as it stands in the proto.
pub(super) fn unreserved(then: &Reserved, now: &Reserved) -> Vec<String> {
    let numbers = then.numbers.iter().filter(|range| !now.has_numbers(**range));
    let numbers = numbers.map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let names = then.names.iter().filter(|name| !now.has_name(name));
    numbers.chain(names.map(|name| format!("`{name}`"))).collect()
}

/// A full name without the dot in front.
pub(super) fn shown(full_name: &str) -> &str {
    full_name.trim_start_matches('.')
}
