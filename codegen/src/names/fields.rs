//! The names of a message's fields. prost gives some of them accessors, which must not be called
//! alike either.

use super::{
    Notes, ident,
    scope::{Taken, longer, natural_first},
};
use crate::model::{Message, Presence, Shape, Value};

/// Names the fields, or their variants if they are in a oneof, and the fields of the oneofs.
pub(super) fn assign(message: &Message, notes: &mut Notes) -> (Vec<String>, Vec<String>) {
    let full_name = |name: &str| format!("{}.{name}", &message.full_name[1..]);
    let mut names = vec![String::new(); message.fields.len()];
    for oneof in 0..message.oneofs.len() {
        let inner = (0..names.len()).filter(|index| message.fields[*index].oneof == Some(oneof));
        let inner = inner.collect::<Vec<_>>();
        let wish = |index: usize| {
            let name = message.fields[index].name.as_str();
            (name, ident::upper_camel(name))
        };
        let wishes = inner.iter().map(|index| wish(*index)).collect::<Vec<_>>();
        for (index, name) in inner.into_iter().zip(Taken::default().assign(&wishes)) {
            let field = &message.fields[index];
            let what = || format!("field `{}`", full_name(&field.name));
            notes.renamed(&field.location, what, (&wish(index).1, &name));
            names[index] = name;
        }
    }

    let plain = (0..names.len()).filter(|index| message.fields[*index].oneof.is_none());
    let plain = plain.collect::<Vec<_>>();
    let fields = plain.iter().map(|index| &message.fields[*index]);
    let fields = fields.map(|field| (&field.name, &field.location, Some(&field.shape)));
    let oneofs = message.oneofs.iter().map(|oneof| (&oneof.name, &oneof.location, None));
    let members = fields.chain(oneofs).collect::<Vec<_>>();
    let wishes = members.iter().map(|(name, ..)| (name.as_str(), ident::snake(name)));
    let wishes = wishes.collect::<Vec<_>>();
    let mut taken = Members::default();
    let mut member_names = vec![String::new(); members.len()];
    for index in natural_first(&wishes) {
        let (name, location, shape) = members[index];
        let given = taken.unique(&wishes[index].1, shape);
        let what = || format!("field `{}`", full_name(name));
        notes.renamed(location, what, (&wishes[index].1, &given));
        member_names[index] = given;
    }
    let oneof_fields = member_names.split_off(plain.len());
    for (index, name) in plain.into_iter().zip(member_names) {
        names[index] = name;
    }
    (names, oneof_fields)
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
            name = longer(&name);
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
