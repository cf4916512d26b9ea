//! What the page has to know of services and their messages, as JSON. Flags that are not set are left out, and so is
//! what can be told from the rest: a server may have thousands of fields.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};
use prost_types::method_options::IdempotencyLevel;
use serde_json::{Map, Value, json};

use crate::{
    codec::json::{descriptor_pool, redacted::RedactedFields},
    server::observer::ServiceEntry,
};

type Object = Map<String, Value>;

/// The schema of a page at `path`.
pub(super) fn schema(path: &str, services: &[ServiceEntry]) -> Value {
    let mut schema = Schema::default();
    // All are read first: a message is added once, and its comments may come with another service than the first.
    let descriptors = services.iter().map(|entry| schema.read(entry)).collect::<Vec<_>>();
    for (entry, descriptor) in services.iter().zip(descriptors) {
        match descriptor {
            Some(service) => schema.add(&service),
            // Of another library, or not as the generator writes it: only its name is known.
            None => schema.services.push(json!({"name": entry.name})),
        }
    }
    json!({
        "path": path,
        "services": schema.services,
        "messages": schema.messages,
        "enums": schema.enums,
    })
}

#[derive(Default)]
struct Schema {
    services: Vec<Value>,
    messages: Object,
    enums: Object,
    redacted: RedactedFields,
    /// By the full name of what they are about.
    comments: BTreeMap<&'static str, &'static str>,
}

impl Schema {
    /// Reads the descriptor of a service, with the comments and the secrets in its files. None without a descriptor.
    fn read(&mut self, entry: &ServiceEntry) -> Option<ServiceDescriptor> {
        let pool = descriptor_pool(entry.files).and_then(|pool| {
            entry.files.iter().try_for_each(|file| self.redacted.add(file))?;
            Ok(pool)
        });
        let pool = match pool {
            Ok(pool) => pool,
            Err(error) => {
                // With nothing known of what is secret, nothing is shown.
                let problem = "the explorer cannot read the descriptors of a service, and shows its name alone";
                tracing::warn!(service = entry.name, %error, "{problem}");
                return None;
            }
        };
        self.comments.extend(entry.comments.iter().copied());
        pool.get_service_by_name(entry.name)
    }

    fn add(&mut self, service: &ServiceDescriptor) {
        // Also those that no method names: an `Any`, or the details of an error, may be one of them.
        let all = service.parent_pool().all_messages();
        let mut messages: Vec<_> = all.filter(|message| !is_well_known(message)).collect();
        let methods = service.methods().map(|method| {
            messages.extend([method.input(), method.output()]);
            self.method(&method)
        });
        let methods = methods.collect::<Vec<_>>();
        self.services.push(self.service(service, methods));
        while let Some(message) = messages.pop() {
            self.add_message(&message, &mut messages);
        }
    }

    fn service(&self, service: &ServiceDescriptor, methods: Vec<Value>) -> Value {
        let options = service.service_descriptor_proto().options.clone().unwrap_or_default();
        let mut object = self.named(service.full_name(), service.full_name());
        object.insert("file".into(), service.parent_file().name().into());
        object.insert("methods".into(), methods.into());
        flag(&mut object, "deprecated", options.deprecated());
        object.into()
    }

    fn method(&self, method: &MethodDescriptor) -> Value {
        let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
        let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => "unary",
            (false, true) => "server",
            (true, false) => "client",
            (true, true) => "bidi",
        };
        let mut object = self.named(method.name(), method.full_name());
        object.insert("kind".into(), kind.into());
        object.insert("input".into(), method.input().full_name().into());
        object.insert("output".into(), method.output().full_name().into());
        let is_safe = options.idempotency_level() == IdempotencyLevel::NoSideEffects;
        flag(&mut object, "safe", is_safe);
        flag(&mut object, "deprecated", options.deprecated());
        object.into()
    }

    /// Adds a message. Those of its fields are added to `more`.
    fn add_message(&mut self, message: &MessageDescriptor, more: &mut Vec<MessageDescriptor>) {
        if message.is_map_entry() || self.messages.contains_key(message.full_name()) {
            return;
        }
        let fields = message.fields().map(|field| self.field(&field, more)).collect::<Vec<_>>();
        let mut object = self.described(message.full_name());
        object.insert("fields".into(), fields.into());
        self.messages.insert(message.full_name().to_owned(), object.into());
    }

    fn field(&mut self, field: &FieldDescriptor, more: &mut Vec<MessageDescriptor>) -> Value {
        let mut object = self.named(field.name(), field.full_name());
        let proto = field.field_descriptor_proto();
        object.insert("number".into(), field.number().into());
        if field.json_name() != field.name() {
            object.insert("json".into(), field.json_name().into());
        }
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let key = type_name(&entry.map_entry_key_field().kind());
                object.insert("key".into(), key.into());
                self.add_type(&mut object, &entry.map_entry_value_field().kind(), more);
            }
            kind => {
                flag(&mut object, "repeated", field.is_list());
                self.add_type(&mut object, &kind, more);
            }
        }
        // The oneof of a single field is what proto3 has for one with presence.
        match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            Some(oneof) => {
                object.insert("oneof".into(), oneof.name().into());
            }
            None => {
                let is_message = matches!(field.kind(), Kind::Message(_));
                flag(&mut object, "optional", field.supports_presence() && !is_message);
            }
        }
        if let Some(default) = &proto.default_value {
            object.insert("default".into(), default.as_str().into());
        }
        flag(&mut object, "required", field.cardinality() == Cardinality::Required);
        let options = proto.options.clone().unwrap_or_default();
        flag(&mut object, "deprecated", options.deprecated());
        flag(&mut object, "redacted", self.redacted.contain(field));
        object.into()
    }

    fn add_type(&mut self, field: &mut Object, kind: &Kind, more: &mut Vec<MessageDescriptor>) {
        field.insert("type".into(), type_name(kind).into());
        match kind {
            Kind::Message(message) => {
                field.insert("of".into(), message.full_name().into());
                more.push(message.clone());
            }
            Kind::Enum(values) => {
                field.insert("of".into(), values.full_name().into());
                self.add_enum(values);
            }
            _ => {}
        }
    }

    fn add_enum(&mut self, values: &EnumDescriptor) {
        if self.enums.contains_key(values.full_name()) {
            return;
        }
        let numbered = values.values().map(|value| {
            let comment = self.comments.get(&*format!("{}.{}", values.full_name(), value.name()));
            json!([value.name(), value.number(), comment])
        });
        let mut object = self.described(values.full_name());
        object.insert("values".into(), numbered.collect::<Vec<_>>().into());
        self.enums.insert(values.full_name().to_owned(), object.into());
    }

    fn named(&self, name: &str, full_name: &str) -> Object {
        let mut object = self.described(full_name);
        object.insert("name".into(), name.into());
        object
    }

    /// An object with the comment of what has this name, if there is one.
    fn described(&self, full_name: &str) -> Object {
        let comment = self.comments.get(full_name);
        comment.map(|comment| ("comment".to_owned(), (*comment).into())).into_iter().collect()
    }
}

fn flag(object: &mut Object, name: &str, is_set: bool) {
    if is_set {
        object.insert(name.into(), true.into());
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

/// The type, as a proto has it.
fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Message(_) => "message",
        Kind::Enum(_) => "enum",
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::{
        DescriptorProto, FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
    };

    use super::*;

    /// A file with a message and a service, called as it is.
    fn file(name: &str, imports: &[&str]) -> Vec<u8> {
        let message = format!("{name}Message");
        let method = MethodDescriptorProto {
            name: Some("Get".to_owned()),
            input_type: Some(format!(".{message}")),
            output_type: Some(format!(".{message}")),
            ..Default::default()
        };
        let service = ServiceDescriptorProto {
            name: Some(name.to_owned()),
            method: vec![method],
            ..Default::default()
        };
        let file = FileDescriptorProto {
            name: Some(format!("{name}.proto")),
            dependency: imports.iter().map(|import| format!("{import}.proto")).collect(),
            message_type: vec![DescriptorProto { name: Some(message), ..Default::default() }],
            service: vec![service],
            syntax: Some("proto3".to_owned()),
            ..Default::default()
        };
        file.encode_to_vec()
    }

    fn entry(
        name: &'static str,
        files: &[Vec<u8>],
        comments: &'static [(&'static str, &'static str)],
    ) -> ServiceEntry {
        let files = files.iter().map(|file| &*file.clone().leak()).collect::<Vec<_>>();
        ServiceEntry { name, files: files.leak(), comments }
    }

    #[test]
    fn comments_may_come_with_a_later_service() {
        let inner = file("Inner", &[]);
        let outer = entry("Outer", &[inner.clone(), file("Outer", &["Inner"])], &[]);
        let inner = entry("Inner", &[inner], &[("InnerMessage", "What is inside.")]);
        let schema = schema("", &[outer, inner]);
        assert_eq!(schema["messages"]["InnerMessage"]["comment"], "What is inside.");
    }

    /// A message with a field whose `debug_redact` is no number.
    const BROKEN_OPTION: &[u8] =
        b"\x22\x13\n\x01B\x12\x0e\n\x01x\x18\x01\x20\x01\x28\x09\x42\x03\x82\x01\x00";

    #[test]
    fn nothing_is_shown_of_a_file_whose_secrets_are_not_known() {
        let broken = [file("Broken", &[]), BROKEN_OPTION.to_vec()].concat();
        assert!(descriptor_pool(&[&broken]).is_ok());
        let schema = schema(
            "",
            &[entry("Broken", &[broken], &[]), entry("Whole", &[file("Whole", &[])], &[])],
        );
        assert_eq!(schema["services"][0], json!({"name": "Broken"}));
        assert_eq!(schema["services"][1]["methods"][0]["name"], "Get");
        assert_eq!(
            schema["messages"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["WholeMessage"]
        );
    }
}
