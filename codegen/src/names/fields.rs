//! The names of a message's fields. prost gives some of them accessors, which must not be called
//! alike either.

use super::{
    Notes,
    scope::{Taken, natural_first, with_underscore},
};
use crate::{
    ident,
    model::{Message, Presence, Shape, Value},
};

/// Names the fields, or their variants if they are in a oneof, and the fields of the oneofs.
pub(super) fn assign(message: &Message, notes: &mut Notes) -> (Vec<String>, Vec<String>) {
    let mut names = Vec::with_capacity(message.fields.len());
    let mut variants = vec![Taken::default(); message.oneofs.len()];
    for field in &message.fields {
        names.push(match field.oneof {
            Some(oneof) => {
                let natural = ident::upper_camel(&field.name);
                let given = variants[oneof].unique(&natural);
                let what = || format!("field `{}.{}`", &message.full_name[1..], field.name);
                notes.renamed(&field.location, what, (&natural, &given));
                given
            }
            None => String::new(),
        });
    }
    let mut members = members(message, notes).into_iter();
    for (name, field) in names.iter_mut().zip(&message.fields) {
        if field.oneof.is_none() {
            name.extend(members.next());
        }
    }
    (names, members.collect())
}

/// The names of the fields of the struct: the plain ones, and those of the oneofs.
fn members(message: &Message, notes: &mut Notes) -> Vec<String> {
    let plain = message.fields.iter().filter(|field| field.oneof.is_none());
    let plain = plain.map(|field| (&field.name, &field.location, Some(&field.shape)));
    let oneofs = message.oneofs.iter().map(|oneof| (&oneof.name, &oneof.location, None));
    let members = plain.chain(oneofs).collect::<Vec<_>>();
    let natural = |(name, _, shape): &(&String, _, Option<&Shape>)| {
        let natural = ident::snake(name);
        // For these prost derives accessors whose names it makes of the whole identifier.
        let is_map_of_enums = matches!(shape, Some(Shape::Map(_, Value::Enum(_))));
        if is_map_of_enums && natural.starts_with("r#") {
            with_underscore(&natural)
        } else {
            natural
        }
    };
    let mut names = members.iter().map(natural).collect::<Vec<_>>();
    let mut taken = Members::default();
    for index in natural_first(members.iter().map(|(name, ..)| name.as_str()), &names) {
        let (name, location, shape) = members[index];
        let given = taken.unique(&names[index], shape);
        let what = || format!("field `{}.{name}`", &message.full_name[1..]);
        notes.renamed(location, what, (&names[index], &given));
        names[index] = given;
    }
    names
}

/// What is taken in a struct.
#[derive(Default)]
struct Members {
    fields: Taken,
    methods: Taken,
}

impl Members {
    /// Takes a name such that neither the field nor an accessor of it is another's.
    fn unique(&mut self, natural: &str, shape: Option<&Shape>) -> String {
        let mut name = natural.to_owned();
        let methods = loop {
            let methods = shape.map_or_else(Vec::new, |shape| accessors(shape, &name));
            let is_taken = self.fields.contains(&name)
                || methods.iter().any(|method| self.methods.contains(method));
            if !is_taken {
                break methods;
            }
            name = with_underscore(&name);
        };
        for method in methods {
            self.methods.unique(&method);
        }
        self.fields.unique(&name)
    }
}

/// The methods that prost derives for a field of this name.
fn accessors(shape: &Shape, name: &str) -> Vec<String> {
    let get = name.to_owned();
    let with = |prefix: &str| format!("{prefix}_{}", name.trim_start_matches("r#"));
    match shape {
        Shape::Single(Value::Enum(_), _) => vec![get, with("set")],
        Shape::Single(Value::Scalar(_), Presence::Explicit) => vec![get],
        Shape::Repeated(Value::Enum(_), _) => vec![get, with("push")],
        Shape::Map(_, Value::Enum(_)) => vec![with("get"), with("insert")],
        Shape::Single(..) | Shape::Repeated(..) | Shape::Map(..) => Vec::new(),
    }
}
