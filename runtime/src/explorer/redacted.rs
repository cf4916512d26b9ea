//! Which fields have the option `debug_redact`, which prost-types does not know: where it is in a
//! `google.protobuf.FileDescriptorProto`.

use std::collections::BTreeSet;

use prost::{DecodeError, Message};

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

/// The full names of the fields with the option in an encoded file.
pub(super) fn redacted_fields(file: &[u8]) -> Result<BTreeSet<String>, DecodeError> {
    let file = RedactedFile::decode(file)?;
    let mut fields = BTreeSet::new();
    file.messages.iter().for_each(|message| message.collect(&file.package, &mut fields));
    Ok(fields)
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
