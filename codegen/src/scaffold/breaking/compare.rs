//! Two models side by side, and what is said of their differences.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use clap::{ValueEnum, builder::PossibleValue};

use crate::{
    diagnostics::Location,
    model::{Declared, Enum, Message, Model, Service, Type, Types},
};

/// For whom a change is a break, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Wire,
    Grpc,
    Json,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Grpc => "grpc",
            Self::Json => "json",
        }
    }
}

impl ValueEnum for Class {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Wire, Self::Grpc, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// A place in the protos as they are, or as they were if nothing is left of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Now(Location),
    Then(Location),
}

/// A difference that somebody suffers from.
#[derive(Debug)]
pub(super) struct Break {
    pub(super) class: Class,
    /// The name of the rule of `buf breaking`, if it has one.
    pub(super) code: &'static str,
    pub(super) place: Side,
    pub(super) what: String,
    pub(super) help: &'static str,
}

/// What is wrong, before it is said where.
pub(super) type Rule = (Class, &'static str, &'static str);

/// The comparison of two models.
pub(super) struct Comparison<'a> {
    then: &'a Model,
    now: &'a Model,
    types_then: Types<'a>,
    types_now: Types<'a>,
    /// Which types of then, by these names now, are the same to those who have no names: so far as
    /// it is known, or assumed while it is found out.
    equal: HashMap<(&'a str, &'a str), bool>,
    breaks: Vec<Break>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(then: &'a Model, now: &'a Model) -> Self {
        let (types_then, types_now) = (Types::new(then), Types::new(now));
        Self { then, now, types_then, types_now, equal: HashMap::new(), breaks: Vec::new() }
    }

    /// All breaks, by their classes, and then by their places.
    pub(super) fn breaks(mut self) -> Vec<Break> {
        let now: BTreeMap<&str, &Service> =
            self.now.files.iter().flat_map(|file| &file.services).map(by_name).collect();
        for file in self.then.wanted() {
            for message in file.messages.iter().flat_map(Message::and_nested) {
                if let Some((now, _)) = self.types_now.message(&message.full_name) {
                    self.message(message, now);
                }
                message.enums.iter().for_each(|it| self.named_enum(it));
            }
            file.enums.iter().for_each(|it| self.named_enum(it));
            for service in &file.services {
                self.service(service, now.get(&*service.full_name).copied());
            }
        }
        self.breaks.sort_by(|one, other| {
            (one.class, &one.place, one.code).cmp(&(other.class, &other.place, other.code))
        });
        self.breaks
    }

    fn named_enum(&mut self, then: &'a Enum) {
        if let Some(Type::Enum(now)) = self.types_now.get(&then.full_name).map(kind) {
            self.enumeration(then, now);
        }
    }

    pub(super) fn push(&mut self, (class, code, help): Rule, place: Side, what: String) {
        self.breaks.push(Break { class, code, place, what, help });
    }

    /// Whether a type is what another was, so that only its name has changed.
    pub(super) fn is_equal(&mut self, then: &'a str, now: &'a str) -> bool {
        if then == now {
            return true;
        }
        if let Some(known) = self.equal.get(&(then, now)) {
            return *known;
        }
        let types = self.types_then.get(then).map(kind).zip(self.types_now.get(now).map(kind));
        // Messages that hold each other are equal unless something else tells them apart.
        self.equal.insert((then, now), true);
        let before = mem::take(&mut self.breaks);
        let is_same_kind = match types {
            Some((Type::Message(then), Type::Message(now))) => {
                self.message(then, now);
                true
            }
            Some((Type::Enum(then), Type::Enum(now))) => {
                self.enumeration(then, now);
                true
            }
            _ => false,
        };
        let is_equal = mem::replace(&mut self.breaks, before).is_empty() && is_same_kind;
        if !is_equal {
            // What was found equal meanwhile was so under an assumption that does not hold.
            self.equal.retain(|_, is_equal| !*is_equal);
            self.equal.insert((then, now), false);
        }
        is_equal
    }
}

fn by_name(service: &Service) -> (&str, &Service) {
    (&service.full_name, service)
}

fn kind<'a>(declared: Declared<'a>) -> Type<'a> {
    declared.kind
}
