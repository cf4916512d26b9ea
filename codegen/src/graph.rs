//! How messages hold each other: which fields have to be boxed, and what can be copied and
//! compared.

use std::collections::HashMap;

use petgraph::{algo::kosaraju_scc, graph::DiGraph};

use crate::{
    model::{Field, Framing, Message, Model, Presence, Scalar, Shape, Value},
    names::Paths,
    options::{ExternTraits, Options, matches, values_for},
};

/// What follows for each message from all that it holds.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    options: &'a Options,
    paths: &'a Paths<'a>,
    facts: HashMap<&'a str, Facts>,
}

#[derive(Clone, Copy, Debug)]
struct Facts {
    /// Messages that hold each other, through whatever others, are in one component.
    component: usize,
    /// The same for messages that require each other.
    requirement: usize,
    /// Of the struct, in bytes: a guess on the high side.
    size: u64,
    /// Whether it is so large that what it holds is boxed.
    is_large: bool,
    can_copy: bool,
    can_eq: bool,
}

/// A struct that is larger than this has the larger messages in it boxed.
const LARGE: u64 = 64 * 1024;

/// What is not boxed even in a large struct.
const SMALL: u64 = 512;

/// Two variants of an enum that differ by more in size are remarked upon by clippy.
const REMARKABLE: u64 = 200;

impl<'a> Graph<'a> {
    pub(crate) fn new(model: &'a Model, paths: &'a Paths<'a>, options: &'a Options) -> Self {
        let mut whole = Self { options, paths, facts: HashMap::new() };
        let mut requirements = HashMap::new();
        for (requirement, members) in components(model, required).into_iter().enumerate() {
            requirements.extend(members.into_iter().map(|it| (&*it.full_name, requirement)));
        }
        for (component, members) in components(model, held).into_iter().enumerate() {
            let unknown = |message: &Message| Facts {
                component,
                requirement: requirements[message.full_name.as_str()],
                size: 0,
                is_large: false,
                can_copy: false,
                can_eq: false,
            };
            whole.facts.extend(members.iter().map(|it| (it.full_name.as_str(), unknown(it))));
            for message in members {
                let facts = whole.look_at(message, unknown(message));
                whole.facts.insert(&message.full_name, facts);
            }
        }
        whole
    }

    /// Whether the field holds its message in a `Box`: where the message would hold itself
    /// otherwise, in structs that are very large, and where the option `boxed` says so.
    pub(crate) fn is_boxed(&self, message: &Message, field: &Field) -> bool {
        let Some(held) = held(field) else { return false };
        let (Some(own), Some(held)) = (self.facts(&message.full_name), self.facts(held)) else {
            return false;
        };
        own.component == held.component
            || (own.is_large && held.size > SMALL)
            || self.is_boxed_by_option(message, field)
    }

    pub(crate) fn can_copy(&self, message: &Message) -> bool {
        self.facts(&message.full_name).is_some_and(|facts| facts.can_copy)
    }

    pub(crate) fn can_eq(&self, message: &Message) -> bool {
        self.facts(&message.full_name).is_some_and(|facts| facts.can_eq)
    }

    /// Whether clippy could find a field of a oneof much larger than the others.
    pub(crate) fn has_large_field(&self, message: &Message, oneof: usize) -> bool {
        message.fields_of(oneof).any(|field| self.size_of(message, field) > REMARKABLE)
    }

    /// Whether what the field holds can be copied, by the rule of prost-build: `prost_types` follows
    /// it, and whatever else `extern_traits` says so of.
    pub(crate) fn can_copy_field(&self, message: &Message, field: &Field) -> bool {
        match &field.shape {
            Shape::Single(Value::Scalar(scalar), _) => {
                !matches!(scalar, Scalar::String | Scalar::Bytes)
            }
            Shape::Single(Value::Enum(_), _) => true,
            Shape::Single(Value::Message(name, Framing::Length), _) => {
                !self.is_boxed(message, field) && self.facts(name).is_some_and(|it| it.can_copy)
            }
            Shape::Single(Value::Message(_, Framing::Delimited), _)
            | Shape::Repeated(..)
            | Shape::Map(..) => false,
        }
    }

    /// Whether what the field holds can be compared and hashed, by the same rule.
    pub(crate) fn can_eq_field(&self, message: &Message, field: &Field) -> bool {
        match &field.shape {
            Shape::Single(Value::Message(name, Framing::Length), _) => {
                let (own, held) = (self.facts(&message.full_name), self.facts(name));
                let both = own.zip(held);
                both.is_some_and(|(own, held)| own.component != held.component && held.can_eq)
            }
            Shape::Single(Value::Message(_, Framing::Delimited), _)
            | Shape::Repeated(Value::Message(..), _)
            | Shape::Map(..) => false,
            Shape::Single(value, _) | Shape::Repeated(value, _) => {
                !matches!(value, Value::Scalar(Scalar::Float | Scalar::Double))
            }
        }
    }

    /// Whether a required field makes its message one that never ends: through required fields, it
    /// holds itself.
    pub(crate) fn is_required_cycle(&self, message: &Message, field: &Field) -> bool {
        let both = self.facts(&message.full_name).zip(held(field).and_then(|it| self.facts(it)));
        both.is_some_and(|(own, held)| own.requirement == held.requirement)
    }

    fn facts(&self, message: &str) -> Option<&Facts> {
        self.facts.get(message)
    }

    /// The facts of a message, when all that it holds outside of its component is known.
    fn look_at(&mut self, message: &'a Message, unknown: Facts) -> Facts {
        let size = self.size(message);
        let is_large = size > LARGE;
        if is_large {
            self.facts.insert(&message.full_name, Facts { is_large, ..unknown });
        }
        let traits = self.foreign_traits(message);
        let has = |known: fn(&ExternTraits) -> bool,
                   of_field: fn(&Self, &Message, &Field) -> bool| {
            let by_fields = || message.fields.iter().all(|field| of_field(self, message, field));
            traits.as_ref().map_or_else(by_fields, known)
        };
        Facts {
            size: if is_large { self.size(message) } else { size },
            is_large,
            can_copy: has(|it| it.copy, Self::can_copy_field),
            can_eq: has(|it| it.eq && it.hash, Self::can_eq_field),
            ..unknown
        }
    }

    /// What is known of a message that comes from elsewhere; nothing, if nobody says anything. Of
    /// one that is generated here or as if it were, its fields tell.
    fn foreign_traits(&self, message: &Message) -> Option<ExternTraits> {
        let name = &message.full_name;
        if !self.paths.is_foreign(name) {
            return None;
        }
        let said = values_for(&self.options.extern_traits, name).last();
        let traits = said.map_or_else(|| Some(ExternTraits::default()), ExternTraits::parse);
        traits.filter(|traits| !traits.as_generated)
    }

    fn size(&self, message: &Message) -> u64 {
        let plain = message.fields.iter().filter(|field| field.oneof.is_none());
        let plain = plain.map(|field| self.size_of(message, field));
        let oneofs = (0..message.oneofs.len()).map(|oneof| {
            let variants = message.fields_of(oneof).map(|field| self.size_of(message, field));
            variants.max().unwrap_or(0).saturating_add(8)
        });
        plain.chain(oneofs).fold(0, u64::saturating_add)
    }

    fn size_of(&self, message: &Message, field: &Field) -> u64 {
        match &field.shape {
            Shape::Repeated(..) => 24,
            Shape::Map(..) => 48,
            Shape::Single(Value::Message(..), _) if self.is_boxed(message, field) => 8,
            Shape::Single(Value::Message(name, _), _) => {
                self.facts(name).map_or(8, |facts| facts.size.saturating_add(8))
            }
            Shape::Single(Value::Scalar(Scalar::String | Scalar::Bytes), _) => 32,
            Shape::Single(_, Presence::Explicit) => 16,
            Shape::Single(..) => 8,
        }
    }

    fn is_boxed_by_option(&self, message: &Message, field: &Field) -> bool {
        let scope = match field.oneof {
            Some(oneof) => format!("{}.{}", message.full_name, message.oneofs[oneof].name),
            None => message.full_name.clone(),
        };
        let name = format!("{scope}.{}", field.name);
        self.options.boxed.iter().any(|path| matches(path, &name))
    }
}

/// The message that a field holds one of.
fn held(field: &Field) -> Option<&str> {
    match &field.shape {
        Shape::Single(Value::Message(name, _), _) => Some(name),
        Shape::Single(..) | Shape::Repeated(..) | Shape::Map(..) => None,
    }
}

/// The message that a field has to hold one of.
fn required(field: &Field) -> Option<&str> {
    let is_required = matches!(field.shape, Shape::Single(_, Presence::Required));
    held(field).filter(|_| is_required)
}

/// The messages in components that hold each other, by fields that hold what `held` says. What a
/// component holds comes before it.
pub(crate) fn components(model: &Model, held: fn(&Field) -> Option<&str>) -> Vec<Vec<&Message>> {
    let mut graph = DiGraph::<&Message, ()>::new();
    let mut nodes = HashMap::new();
    for message in model.messages() {
        nodes.insert(message.full_name.as_str(), graph.add_node(message));
    }
    for node in graph.node_indices() {
        for held in graph[node].fields.iter().filter_map(held) {
            if let Some(held) = nodes.get(held) {
                graph.add_edge(node, *held, ());
            }
        }
    }
    let components = kosaraju_scc(&graph).into_iter();
    components.map(|members| members.into_iter().map(|node| graph[node]).collect()).collect()
}
