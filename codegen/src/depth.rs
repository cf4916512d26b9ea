//! Messages that hold each other deeper than rustc goes by default.

use std::collections::{HashMap, HashSet};

use crate::{
    diagnostics::Problem,
    graph::{self, Graph},
    model::{Field, Message, Model, Shape, Value},
    options::{Options, matches},
};

/// rustc looks through all that a type holds, 128 steps deep unless the crate says otherwise. What
/// is counted here is at most what it takes, so that little more is no reason to warn.
const REMARKABLE: usize = 256;

/// What stands below the deepest message and above the first one: pointers in the `Vec` of a
/// `string`, futures and requests.
const ENDS: usize = 32;

/// A warning about the message that holds others deepest, if that is remarkably deep.
pub(crate) fn warning(model: &Model, graph: &Graph, options: &Options) -> Option<Problem> {
    let steps = Steps { graph, options };
    let mut depths = HashMap::new();
    let mut deepest: Option<(&Message, usize)> = None;
    for members in graph::components(model, held) {
        let names = members.iter().map(|message| &*message.full_name).collect::<HashSet<_>>();
        // Of messages that hold each other, the way may lead through all.
        let inside = members.iter().map(|message| {
            let fields = message
                .fields
                .iter()
                .filter(|field| held(field).is_some_and(|held| names.contains(held)));
            fields.map(|field| steps.of(message, field)).max().unwrap_or(0)
        });
        let fields =
            members.iter().flat_map(|message| message.fields.iter().map(|field| (*message, field)));
        let beyond = fields.filter_map(|(message, field)| {
            let depth = depths.get(held(field)?).copied().unwrap_or(0);
            Some(steps.of(message, field) + depth)
        });
        let depth = inside.sum::<usize>() + beyond.max().unwrap_or(0);
        depths.extend(names.iter().map(|name| (*name, depth)));
        if deepest.is_none_or(|(_, deepest)| depth > deepest) {
            deepest = members.first().map(|message| (*message, depth));
        }
    }
    let (message, depth) = deepest.filter(|(_, depth)| *depth > REMARKABLE)?;
    let limit = (depth + ENDS).next_power_of_two();
    let name = &message.full_name[1..];
    Some(
        Problem::at(&message.location)
            .says(format!("message `{name}` holds others {depth} types deep; rustc goes 128 deep"))
            .help(format!("write `#![recursion_limit = \"{limit}\"]` at the top of the crate")),
    )
}

/// How many types stand between a message and one that it holds, at most.
struct Steps<'a> {
    graph: &'a Graph<'a>,
    options: &'a Options,
}

impl Steps<'_> {
    /// As rustdoc counts: it asks for more auto traits than rustc does, and for these it looks
    /// into pointers and maps.
    fn of(&self, message: &Message, field: &Field) -> usize {
        let in_field = match &field.shape {
            Shape::Single(..) if !self.graph.is_boxed(message, field) => 2,
            Shape::Repeated(..) => 4,
            Shape::Map(..) if self.is_btree_map(message, field) => 11,
            Shape::Single(..) | Shape::Map(..) => 6,
        };
        // A oneof is an enum of its own.
        in_field + usize::from(field.oneof.is_some())
    }

    fn is_btree_map(&self, message: &Message, field: &Field) -> bool {
        let name = format!("{}.{}", message.full_name, field.name);
        self.options.btree_map.iter().any(|path| matches(path, &name))
    }
}

/// The message that a field holds, however many of it.
fn held(field: &Field) -> Option<&str> {
    match &field.shape {
        Shape::Single(Value::Message(name, _), _)
        | Shape::Repeated(Value::Message(name, _), _)
        | Shape::Map(_, Value::Message(name, _)) => Some(name),
        Shape::Single(..) | Shape::Repeated(..) | Shape::Map(..) => None,
    }
}
