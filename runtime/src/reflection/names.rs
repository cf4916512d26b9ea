//! The names and extensions that a file declares.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

/// What a file declares.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// The full names of everything that has one: types, their fields, oneofs and values, extensions, services and
    /// methods.
    pub(super) symbols: Vec<String>,
    /// The full names of those of the symbols that are messages.
    pub(super) messages: Vec<String>,
    /// The full name of an extended message, and the number of the extension.
    pub(super) extensions: Vec<(String, i32)>,
}

impl Declared {
    pub(super) fn by(file: &FileDescriptorProto) -> Self {
        let mut declared = Self::default();
        let package = file.package();
        for message in &file.message_type {
            declared.message(package, message);
        }
        for enumeration in &file.enum_type {
            declared.enumeration(package, enumeration);
        }
        for extension in &file.extension {
            declared.extension(package, extension);
        }
        for service in &file.service {
            let service_name = declared.symbol(package, service.name());
            for method in &service.method {
                declared.symbol(&service_name, method.name());
            }
        }
        declared
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto) {
        let scope = self.symbol(scope, message.name());
        for field in &message.field {
            self.symbol(&scope, field.name());
        }
        for oneof in &message.oneof_decl {
            self.symbol(&scope, oneof.name());
        }
        for extension in &message.extension {
            self.extension(&scope, extension);
        }
        for enumeration in &message.enum_type {
            self.enumeration(&scope, enumeration);
        }
        for nested in &message.nested_type {
            self.message(&scope, nested);
        }
        self.messages.push(scope);
    }

    /// The values of an enum are named beside it, not in it.
    fn enumeration(&mut self, scope: &str, enumeration: &EnumDescriptorProto) {
        self.symbol(scope, enumeration.name());
        for value in &enumeration.value {
            self.symbol(scope, value.name());
        }
    }

    fn extension(&mut self, scope: &str, extension: &FieldDescriptorProto) {
        self.symbol(scope, extension.name());
        // Full names begin with a dot in descriptors, and only there.
        let extended = extension.extendee().trim_start_matches('.');
        self.extensions.push((extended.to_owned(), extension.number()));
    }

    /// Adds what is called `name` in `scope`, and returns its full name.
    fn symbol(&mut self, scope: &str, name: &str) -> String {
        let symbol = match scope {
            "" => name.to_owned(),
            scope => format!("{scope}.{name}"),
        };
        self.symbols.push(symbol.clone());
        symbol
    }
}
