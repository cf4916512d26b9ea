//! Two models side by side, and what is said of their differences.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use clap::{ValueEnum, builder::PossibleValue};

use crate::{
    diagnostics::Location,
    emit::messages::Context,
    model::{Declared, Enum, Field, Message, Model, Service, Type},
    names::{Scope, ServiceNames},
};

/// For whom a change is a break, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Wire,
    Grpc,
    Json,
    Rust,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Grpc => "grpc",
            Self::Json => "json",
            Self::Rust => "rust",
        }
    }
}

impl ValueEnum for Class {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Wire, Self::Grpc, Self::Json, Self::Rust]
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
    /// The name of what has changed, as it was: `shop.Order.price`, `shop.Orders/Get`.
    pub(super) subject: String,
    pub(super) what: String,
    pub(super) help: &'static str,
}

/// What is wrong, before it is said where.
pub(super) type Rule = (Class, &'static str, &'static str);

/// The protos of one side, and what the generator knows of them.
#[derive(Clone, Copy)]
pub(super) struct Generated<'a> {
    pub(super) model: &'a Model,
    pub(super) cx: &'a Context<'a>,
}

impl<'a> Generated<'a> {
    /// What a field is called in Rust.
    pub(super) fn field_name(&self, message: &Message, field: &Field) -> &'a str {
        let names = &self.cx.names.paths.message(message).fields;
        let mut both = message.fields.iter().zip(names);
        both.find(|(other, _)| other.number == field.number).map_or("", |(_, name)| name)
    }

    /// What a service becomes, and the module of its package.
    pub(super) fn service_names(&self, service: &Service) -> Option<(&'a Scope, &'a ServiceNames)> {
        let is_it = |other: &Service| other.full_name == service.full_name;
        self.model.files.iter().find_map(|file| {
            let index = file.services.iter().position(is_it)?;
            Some((self.cx.names.package(file), self.cx.names.of(file).services.get(index)?))
        })
    }
}

/// The comparison of two models.
pub(super) struct Comparison<'a> {
    pub(super) then: Generated<'a>,
    pub(super) now: Generated<'a>,
    /// What is being compared.
    subject: String,
    /// Whether types of then are those that have another name now.
    equal: HashMap<(&'a str, &'a str), bool>,
    /// Those of which this is assumed until all of them have been compared.
    assumed: Vec<(&'a str, &'a str)>,
    breaks: Vec<Break>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(then: Generated<'a>, now: Generated<'a>) -> Self {
        Self {
            then,
            now,
            subject: String::new(),
            equal: HashMap::new(),
            assumed: Vec::new(),
            breaks: Vec::new(),
        }
    }

    /// All breaks, by their classes, and then by their places.
    pub(super) fn breaks(mut self) -> Vec<Break> {
        let now: BTreeMap<&str, &Service> =
            self.now.model.files.iter().flat_map(|file| &file.services).map(by_name).collect();
        for file in self.then.model.wanted() {
            self.named((&file.messages, &file.enums));
            for service in &file.services {
                self.service(service, now.get(&*service.full_name).copied());
            }
        }
        self.breaks.sort_by(|one, other| {
            (one.class, &one.place, one.code).cmp(&(other.class, &other.place, other.code))
        });
        self.breaks
    }

    /// Types by their names. What is nested in a message goes with it.
    fn named(&mut self, (messages, enums): (&'a [Message], &'a [Enum])) {
        for then in messages {
            match self.now.cx.types.get(&then.full_name).map(kind) {
                Some(Type::Message(now)) => {
                    self.message(then, now);
                    self.rust_message(then, now);
                    self.named((&then.messages, &then.enums));
                }
                _ => self.deleted_message(then),
            }
        }
        for then in enums {
            match self.now.cx.types.get(&then.full_name).map(kind) {
                Some(Type::Enum(now)) => {
                    self.enumeration(then, now);
                    self.rust_enum(then, now);
                }
                _ => self.deleted_enum(then),
            }
        }
    }

    /// Says what all breaks are about from now on.
    pub(super) fn about(&mut self, subject: impl Into<String>) {
        self.subject = subject.into();
    }

    pub(super) fn push(&mut self, (class, code, help): Rule, place: Side, what: String) {
        let subject = self.subject.clone();
        self.breaks.push(Break { class, code, place, subject, what, help });
    }

    /// How many breaks there are so far.
    pub(super) fn count(&self) -> usize {
        self.breaks.len()
    }

    /// Whether a type is what another was, so that only its name has changed.
    pub(super) fn is_equal(&mut self, then: &'a str, now: &'a str) -> bool {
        if then == now {
            return true;
        }
        if let Some(known) = self.equal.get(&(then, now)) {
            return *known;
        }
        // Types that hold each other are equal unless something else tells them apart.
        self.equal.insert((then, now), true);
        self.assumed.push((then, now));
        if self.assumed.len() > 1 {
            // It is looked at below, by the call that came first: types may hold each other in
            // chains that are longer than the stack.
            return true;
        }
        let before = (mem::take(&mut self.breaks), mem::take(&mut self.subject));
        let (mut next, mut is_equal) = (0, true);
        while is_equal && let Some(&(then, now)) = self.assumed.get(next) {
            let is_of_rust = |it: &Break| it.class == Class::Rust;
            is_equal = self.is_same_kind(then, now) && self.breaks.iter().all(is_of_rust);
            next += 1;
        }
        (self.breaks, self.subject) = before;
        let assumed = mem::take(&mut self.assumed);
        if !is_equal {
            for pair in assumed {
                self.equal.remove(&pair);
            }
            self.equal.insert((then, now), false);
        }
        is_equal
    }

    /// Compares two types, if both are messages or both are enums.
    fn is_same_kind(&mut self, then: &'a str, now: &'a str) -> bool {
        let types =
            self.then.cx.types.get(then).map(kind).zip(self.now.cx.types.get(now).map(kind));
        match types {
            Some((Type::Message(then), Type::Message(now))) => self.message(then, now),
            Some((Type::Enum(then), Type::Enum(now))) => self.enumeration(then, now),
            _ => return false,
        }
        true
    }
}

fn by_name(service: &Service) -> (&str, &Service) {
    (&service.full_name, service)
}

fn kind<'a>(declared: Declared<'a>) -> Type<'a> {
    declared.kind
}
