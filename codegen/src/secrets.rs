//! Which messages have secrets in them: values whose fields have the option `debug_redact`.

use std::collections::HashSet;

use crate::{
    model::{Message, Model},
    names::Paths,
};

/// The messages that have secrets, their own or those of what they hold: those that are generated
/// here, and those that `extern_path` takes from elsewhere. What comes with the runtime has none.
#[derive(Debug)]
pub(crate) struct Secrets<'a>(HashSet<&'a str>);

impl<'a> Secrets<'a> {
    pub(crate) fn new(model: &'a Model, paths: &Paths) -> Self {
        let mut found = Self(HashSet::new());
        loop {
            let more = model.messages().filter(|message| {
                let name = &message.full_name;
                let is_known = paths.is_foreign(name) || !paths.is_external(name);
                found.has_some(message) && !found.are_in(name) && is_known
            });
            let more = more.map(|message| message.full_name.as_str()).collect::<Vec<_>>();
            if more.is_empty() {
                return found;
            }
            found.0.extend(more);
        }
    }

    /// Whether there are secrets in the message of this name, which begins with a dot.
    pub(crate) fn are_in(&self, full_name: &str) -> bool {
        self.0.contains(full_name)
    }

    /// Whether a field of the message is a secret, or holds what is known to have some.
    fn has_some(&self, message: &Message) -> bool {
        message.fields.iter().any(|field| {
            let mut types = field.shape.values().filter_map(|value| value.type_name());
            field.debug_redact || types.any(|name| self.are_in(name))
        })
    }
}
