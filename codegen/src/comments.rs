//! The comments that servers carry: those of their services, and of all that is in their messages.

use std::collections::{BTreeMap, HashSet};

use crate::{
    docs::Docs,
    model::{Enum, File, Message, Service, Type, Types},
    options::{Options, matches},
};

/// Comments by the full names of what they are about, as in `shop.Order.items`. An enum value is `shop.Status.ACTIVE`,
/// though protobuf has it in the scope of its enum.
pub(crate) type Comments<'a> = BTreeMap<String, &'a str>;

/// The comments of the services of a file, and of the types that their methods use, wherever those are declared.
pub(crate) fn of_services<'a>(
    file: &'a File,
    types: &Types<'a>,
    options: &'a Options,
) -> Comments<'a> {
    let mut walk = Walk { options, comments: Comments::new(), used: Vec::new() };
    for service in &file.services {
        walk.service(service);
    }
    let mut seen = HashSet::new();
    while let Some(name) = walk.used.pop() {
        if !seen.insert(name) {
            continue;
        }
        match types.get(name).map(|declared| declared.kind) {
            Some(Type::Message(message)) => walk.message(message),
            Some(Type::Enum(it)) => walk.enumeration(it),
            None => {}
        }
    }
    walk.comments
}

struct Walk<'a> {
    options: &'a Options,
    comments: Comments<'a>,
    /// The types that were met, some of them several times.
    used: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn service(&mut self, service: &'a Service) {
        let name = &service.full_name;
        self.add(name.clone(), &service.docs);
        for method in &service.methods {
            self.add(format!("{name}.{}", method.name), &method.docs);
            self.used.extend([method.input.as_str(), &method.output]);
        }
    }

    fn message(&mut self, message: &'a Message) {
        let name = &message.full_name;
        self.add_of_type(name, &message.docs);
        for oneof in &message.oneofs {
            self.add_of_type(&format!("{name}.{}", oneof.name), &oneof.docs);
        }
        for field in &message.fields {
            self.add_of_type(&format!("{name}.{}", field.name), &field.docs);
            self.used.extend(field.shape.values().filter_map(|value| value.type_name()));
        }
    }

    fn enumeration(&mut self, it: &'a Enum) {
        self.add_of_type(&it.full_name, &it.docs);
        for value in &it.values {
            self.add_of_type(&format!("{}.{}", it.full_name, value.name), &value.docs);
        }
    }

    /// Those that the option `disable_comments` takes out of the docs of types are left out here, too.
    fn add_of_type(&mut self, name: &str, docs: &'a Docs) {
        if !self.options.disable_comments.iter().any(|path| matches(path, name)) {
            self.add(name.trim_start_matches('.').to_owned(), docs);
        }
    }

    fn add(&mut self, name: String, docs: &'a Docs) {
        if !docs.plain.is_empty() {
            self.comments.insert(name, &docs.plain);
        }
    }
}
