//! The names of messages and enums, and of everything in them.

use std::{collections::HashMap, sync::Arc};

use super::{
    Notes, fields,
    scope::{Scope, Taken, natural_first},
};
use crate::{
    ident,
    model::{Enum, File, Message},
};

/// The names of all messages and enums of a request, by their full names.
#[derive(Debug, Default)]
pub(crate) struct TypeNames<'a> {
    pub(super) messages: HashMap<&'a str, MessageNames>,
    pub(super) enums: HashMap<&'a str, EnumNames>,
}

#[derive(Debug)]
pub(crate) struct MessageNames {
    pub(crate) ident: String,
    /// Where the message is.
    pub(crate) scope: Arc<Scope>,
    /// Where what is nested in it is.
    pub(crate) module: Arc<Scope>,
    /// For each field that of the struct, or the variant in the enum of its oneof.
    pub(crate) fields: Vec<String>,
    pub(crate) oneofs: Vec<OneofNames>,
}

#[derive(Debug)]
pub(crate) struct OneofNames {
    pub(crate) field: String,
    /// The enum, in the module of the message.
    pub(crate) ident: String,
}

#[derive(Debug)]
pub(crate) struct EnumNames {
    pub(crate) ident: String,
    /// Where the enum is.
    pub(crate) scope: Arc<Scope>,
    /// For each value a variant, or a constant if an earlier value has the number.
    pub(crate) values: Vec<String>,
}

/// Names the types of one package, which `files` are in.
pub(super) fn assign<'a>(
    files: &[&'a File],
    scope: &Scope,
    taken: &mut Taken,
    (names, notes): (&mut TypeNames<'a>, &mut Notes),
) {
    let level = Level {
        messages: files.iter().flat_map(|file| &file.messages).collect(),
        enums: files.iter().flat_map(|file| &file.enums).collect(),
    };
    level.assign(&Arc::new(scope.clone()), taken, (names, notes));
}

/// What is declared at one place: in a package, or in a message.
struct Level<'a> {
    messages: Vec<&'a Message>,
    enums: Vec<&'a Enum>,
}

impl<'a> Level<'a> {
    fn assign(
        &self,
        scope: &Arc<Scope>,
        taken: &mut Taken,
        (names, notes): (&mut TypeNames<'a>, &mut Notes),
    ) {
        let protos = self.messages.iter().map(|message| message.name.as_str());
        let protos = protos.chain(self.enums.iter().map(|it| it.name.as_str()));
        let candidate_names = protos.clone().map(ident::upper_camel).collect::<Vec<_>>();
        let order = natural_first(protos, &candidate_names);
        let mut idents = taken.in_order(&order, &candidate_names);
        let candidate_modules = self.messages.iter().map(|message| ident::snake(&message.name));
        let candidate_modules = candidate_modules.collect::<Vec<_>>();
        let has_module =
            |index: &usize| self.messages.get(*index).is_some_and(|message| message.has_module());
        let order = order.into_iter().filter(has_module).collect::<Vec<_>>();
        let modules = taken.in_order(&order, &candidate_modules);
        for (index, module) in modules.into_iter().enumerate() {
            let (message, ident) = (self.messages[index], std::mem::take(&mut idents[index]));
            let what = || format!("message `{}`", &message.full_name[1..]);
            notes.renamed(&message.location, what, (&candidate_names[index], &ident));
            let what = || format!("what is nested in {}", what());
            notes.renamed(&message.location, what, (&candidate_modules[index], &module));
            let module = Arc::new(scope.inner(&module));
            let message_names =
                nested(message, (ident, scope.clone(), module), (&mut *names, &mut *notes));
            names.messages.insert(&message.full_name, message_names);
        }
        let own = self.messages.len();
        for (it, (ident, candidate)) in
            self.enums.iter().zip(idents.into_iter().zip(candidate_names).skip(own))
        {
            let what = || format!("enum `{}`", &it.full_name[1..]);
            notes.renamed(&it.location, what, (&candidate, &ident));
            let values = values(it, notes);
            names.enums.insert(&it.full_name, EnumNames { ident, scope: scope.clone(), values });
        }
    }
}

fn nested<'a>(
    message: &'a Message,
    (ident, scope, module): (String, Arc<Scope>, Arc<Scope>),
    (names, notes): (&mut TypeNames<'a>, &mut Notes),
) -> MessageNames {
    let mut taken = Taken::default();
    let level = Level {
        messages: message.messages.iter().collect(),
        enums: message.enums.iter().collect(),
    };
    level.assign(&module, &mut taken, (names, notes));
    let (fields, oneof_fields) = fields::assign(message, notes);
    let oneofs = message.oneofs.iter().zip(oneof_fields).map(|(oneof, field)| {
        let natural = ident::upper_camel(&oneof.name);
        let natural = if taken.contains(&natural) { format!("{natural}OneOf") } else { natural };
        let ident = taken.unique(&natural);
        let what = || format!("oneof `{}.{}`", &message.full_name[1..], oneof.name);
        notes.renamed(&oneof.location, what, (&ident::upper_camel(&oneof.name), &ident));
        OneofNames { field, ident }
    });
    let oneofs = oneofs.collect();
    MessageNames { ident, scope, module, fields, oneofs }
}

/// Values that have a number first get their names first.
fn values(it: &Enum, notes: &mut Notes) -> Vec<String> {
    let candidate_names = it.values.iter().map(|value| ident::variant(&it.name, &value.name));
    let candidate_names = candidate_names.collect::<Vec<_>>();
    let mut order = (0..candidate_names.len()).collect::<Vec<_>>();
    order.sort_by_key(|index| it.values[*index].alias_of.is_some());
    let names = Taken::default().in_order(&order, &candidate_names);
    for (value, given) in it.values.iter().zip(candidate_names.iter().zip(&names)) {
        let what = || format!("enum value `{}.{}`", &it.full_name[1..], value.name);
        notes.renamed(&value.location, what, (given.0, given.1));
    }
    names
}
