//! The Rust path of a type, as seen from any module of generated code.

use super::{
    external::{External, is_bytes},
    scope::Scope,
    types::{EnumNames, MessageNames, TypeNames},
};
use crate::model::{Enum, Message};

/// Knows the path of every type.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    pub(super) external: External,
    pub(super) types: TypeNames<'a>,
}

impl Paths<'_> {
    /// The path of a message or enum. What nobody declares has none; [`crate::check`] sees to that.
    pub(crate) fn path(&self, from: &Scope, type_name: &str) -> String {
        if let Some(path) = self.external(type_name) {
            return from.seen_from_package(&path);
        }
        let types = &self.types;
        let message = types.messages.get(type_name).map(|names| (&names.scope, &names.ident));
        let place = message
            .or_else(|| types.enums.get(type_name).map(|names| (&names.scope, &names.ident)));
        place.map_or_else(String::new, |(scope, ident)| from.path(scope, ident))
    }

    /// The path of the enum that stands for the oneof at this position in a message.
    pub(crate) fn oneof(&self, from: &Scope, message: &Message, index: usize) -> String {
        let names = self.message(message);
        from.path(&names.module, &names.oneofs[index].ident)
    }

    /// Whether the type is not generated.
    pub(crate) fn is_external(&self, type_name: &str) -> bool {
        self.external.has(type_name)
    }

    /// Whether the type is somebody else's, of whom nothing but its path is known.
    pub(crate) fn is_foreign(&self, type_name: &str) -> bool {
        self.external.is_mapped(type_name)
    }

    /// Whether the type is bytes in Rust.
    pub(crate) fn is_bytes(&self, type_name: &str) -> bool {
        self.external(type_name).is_some_and(|path| is_bytes(&path))
    }

    fn external(&self, type_name: &str) -> Option<String> {
        self.external.path(type_name, |name| self.types.messages.contains_key(name))
    }

    /// The names in a message of the request.
    pub(crate) fn message(&self, message: &Message) -> &MessageNames {
        &self.types.messages[message.full_name.as_str()]
    }

    /// The names in an enum of the request.
    pub(crate) fn enumeration(&self, it: &Enum) -> &EnumNames {
        &self.types.enums[it.full_name.as_str()]
    }
}
