//! What breaks when an enum changes.

use super::{
    compare::{Class, Comparison, Rule, Side},
    messages::{shown, unreserved},
    rust::VALUE_DELETED,
};
use crate::model::Enum;

const NUMBER_DELETED: Rule = (
    Class::Wire,
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
    "reserve the number, so that no other value ever gets it",
);
const NAME_DELETED: Rule = (
    Class::Json,
    "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",
    "reserve the name, so that no other value ever gets it",
);
const NAME: Rule = (
    Class::Json,
    "ENUM_VALUE_SAME_NAME",
    "keep the name, beside a new one with `option allow_alias = true`",
);
const RESERVED: Rule = (
    Class::Wire,
    "RESERVED_ENUM_NO_DELETE",
    "leave it reserved: messages that were written before may have it",
);

impl Comparison<'_> {
    pub(super) fn enumeration(&mut self, then: &Enum, now: &Enum) {
        let name = shown(&then.full_name);
        for value in &then.values {
            let mut same =
                now.values.iter().filter(|other| other.number == value.number).peekable();
            self.about(format!("{name}.{}", value.name));
            let Some(first) = same.peek().copied() else {
                self.deleted_value(then, (&value.name, value.number), now);
                continue;
            };
            if same.all(|other| other.name != value.name) {
                let what = format!(
                    "value {} of `{name}` was `{}`, and is `{}`",
                    value.number, value.name, first.name
                );
                self.push(NAME, Side::Now(first.location.clone()), what);
            }
        }
        self.about(name);
        for gone in unreserved(&then.reserved, &now.reserved) {
            let what = format!("{gone} is no longer reserved in `{}`", shown(&now.full_name));
            self.push(RESERVED, Side::Now(now.location.clone()), what);
        }
    }

    fn deleted_value(&mut self, then: &Enum, (value, number): (&str, i32), now: &Enum) {
        let what = |reserved: String| {
            let name = shown(&then.full_name);
            format!("value {number} `{value}` of `{name}` is gone, and {reserved} is not reserved")
        };
        let count = self.count();
        if !now.reserved.has_numbers((number, number)) {
            self.push(NUMBER_DELETED, Side::Now(now.location.clone()), what(number.to_string()));
        }
        let is_taken = now.values.iter().any(|other| other.name == value);
        if !now.reserved.has_name(value) && !is_taken {
            self.push(NAME_DELETED, Side::Now(now.location.clone()), what(format!("`{value}`")));
        }
        if self.count() == count {
            let what = format!("value {number} `{value}` of `{}` is gone", shown(&then.full_name));
            self.push(VALUE_DELETED, Side::Now(now.location.clone()), what);
        }
    }
}
