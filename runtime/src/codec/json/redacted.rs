//! Which fields have the option `debug_redact`, which prost-types does not know, and so no descriptor pool: where it is in
//! a `google.protobuf.FileDescriptorProto`.

use std::collections::BTreeSet;

use prost::{DecodeError, Message};
use prost_reflect::FieldDescriptor;

/// The fields with the option, by their full names.
#[derive(Debug, Default)]
pub(crate) struct RedactedFields(BTreeSet<String>);

impl RedactedFields {
    /// Those of `files`, each of which is encoded.
    ///
    /// # Errors
    /// One cannot be decoded.
    pub(super) fn of(files: &[&[u8]]) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        files.iter().try_for_each(|file| fields.add(file))?;
        Ok(fields)
    }

    /// # Errors
    /// `file` cannot be decoded.
    pub(crate) fn add(&mut self, file: &[u8]) -> Result<(), DecodeError> {
        let file = RedactedFile::decode(file)?;
        file.messages.iter().for_each(|message| message.collect(&file.package, &mut self.0));
        Ok(())
    }

    pub(crate) fn contain(&self, field: &FieldDescriptor) -> bool {
        self.0.contains(field.full_name())
    }
}

#[derive(Clone, PartialEq, Message)]
struct RedactedFile {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<RedactedMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct RedactedMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    fields: Vec<RedactedField>,
    #[prost(message, repeated, tag = "3")]
    messages: Vec<Self>,
}

#[derive(Clone, PartialEq, Message)]
struct RedactedField {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "8")]
    options: Option<RedactedOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct RedactedOptions {
    #[prost(bool, tag = "16")]
    debug_redact: bool,
}

impl RedactedMessage {
    fn collect(&self, scope: &str, fields: &mut BTreeSet<String>) {
        let name = match scope {
            "" => self.name.clone(),
            _ => format!("{scope}.{}", self.name),
        };
        let has_option = |field: &&RedactedField| field.options.is_some_and(|it| it.debug_redact);
        let redacted = self.fields.iter().filter(has_option);
        fields.extend(redacted.map(|field| format!("{name}.{}", field.name)));
        self.messages.iter().for_each(|message| message.collect(&name, fields));
    }
}
