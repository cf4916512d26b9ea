//! The names of messages and enums, and of everything in them.

use std::{collections::HashMap, sync::Arc};

use super::{
    Notes, fields, ident,
    scope::{Scope, Taken},
};
use crate::model::{Enum, File, Message};

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
        let messages = self.messages.iter().map(|message| message.name.as_str());
        let enums = self.enums.iter().map(|it| it.name.as_str());
        let wishes = messages.chain(enums).map(|name| (name, ident::upper_camel(name)));
        let wishes = wishes.collect::<Vec<_>>();
        let mut idents = taken.assign(&wishes).into_iter();
        let with_module = self.messages.iter().filter(|message| message.has_module());
        let modules = with_module.map(|message| (message.name.as_str(), ident::snake(&message.name)));
        let mut modules = taken.assign(&modules.collect::<Vec<_>>()).into_iter();
        for (message, ident) in self.messages.iter().zip(idents.by_ref()) {
            let what = || format!("message `{}`", &message.full_name[1..]);
            let natural = ident::upper_camel(&message.name);
            notes.renamed(&message.location, what, (&natural, &ident));
            let module = if message.has_module() {
                let module = modules.next().unwrap_or_default();
                let what = || format!("what is nested in {}", what());
                notes.renamed(&message.location, what, (&ident::snake(&message.name), &module));
                module
            } else {
                String::new()
            };
            let module = Arc::new(scope.inner(&module));
            let message_names =
                nested(message, (ident, scope.clone(), module), (&mut *names, &mut *notes));
            names.messages.insert(&message.full_name, message_names);
        }
        for (it, ident) in self.enums.iter().zip(idents) {
            let what = || format!("enum `{}`", &it.full_name[1..]);
            notes.renamed(&it.location, what, (&ident::upper_camel(&it.name), &ident));
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
    let level =
        Level { messages: message.messages.iter().collect(), enums: message.enums.iter().collect() };
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
    let wish = |index: usize| {
        let name = it.values[index].name.as_str();
        (name, ident::variant(&it.name, name))
    };
    let is_alias = |index: &usize| it.values[*index].alias_of.is_some();
    let (aliases, own) = (0..it.values.len()).partition::<Vec<_>, _>(is_alias);
    let mut taken = Taken::default();
    let mut names = vec![String::new(); it.values.len()];
    for indexes in [own, aliases] {
        let wishes = indexes.iter().map(|index| wish(*index)).collect::<Vec<_>>();
        for (index, name) in indexes.into_iter().zip(taken.assign(&wishes)) {
            let what = || format!("enum value `{}.{}`", &it.full_name[1..], it.values[index].name);
            notes.renamed(&it.values[index].location, what, (&wish(index).1, &name));
            names[index] = name;
        }
    }
    names
}
