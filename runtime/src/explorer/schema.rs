//! What the page has to know of services and their messages, as JSON. Flags that are not set are left out, and so is
//! what can be told from the rest: a server may have thousands of fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    codec::json::types::{
        EnumId, FieldKind, FieldShape, FieldType, MessageId, MethodProto, ServiceType, TypeTable,
    },
    server::observer::ServiceEntry,
};

/// `MethodOptions.NO_SIDE_EFFECTS`
const NO_SIDE_EFFECTS: i32 = 1;

type Object = Map<String, Value>;

/// The schema of a page at `path`.
pub(super) fn schema(path: &str, services: &[ServiceEntry]) -> Value {
    let mut schema = Schema::default();
    // All comments come first: a message is added once, and its comments may come with another service than the first.
    for entry in services {
        schema.comments.extend(entry.comments.iter().copied());
    }
    for entry in services {
        schema.add(entry);
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
    /// By the full name of what they are about.
    comments: BTreeMap<&'static str, &'static str>,
}

impl Schema {
    fn add(&mut self, entry: &ServiceEntry) {
        let types = TypeTable::new(entry.files).unwrap_or_else(|error| {
            // With nothing known of what is secret, nothing is shown.
            let problem =
                "the explorer cannot read the descriptors of a service, and shows its name alone";
            tracing::warn!(service = entry.name, %error, "{problem}");
            TypeTable::default()
        });
        let Some(service) = types.find_service(entry.name) else {
            // Of another library, or not as the generator writes it: only its name is known.
            self.services.push(json!({"name": entry.name}));
            return;
        };
        let methods = service.proto.methods.iter();
        let methods = methods.map(|method| self.method(&service.full_name, method)).collect();
        self.services.push(self.service(service, methods));
        let named = service.proto.methods.iter().flat_map(|it| [&it.input_type, &it.output_type]);
        let mut messages: Vec<_> = named.filter_map(|name| types.find_message(name)).collect();
        // Also those that no method names: an `Any`, or the details of an error, may be one of them.
        messages.extend(types.messages().filter(|message| !is_well_known(&types, *message)));
        while let Some(message) = messages.pop() {
            self.add_message(&types, message, &mut messages);
        }
    }

    fn service(&self, service: &ServiceType, methods: Vec<Value>) -> Value {
        let options = service.proto.options.unwrap_or_default();
        let mut object = self.named(&service.full_name, &service.full_name);
        object.insert("file".into(), (*service.file).into());
        object.insert("methods".into(), methods.into());
        flag(&mut object, "deprecated", options.deprecated);
        object.into()
    }

    fn method(&self, service: &str, method: &MethodProto) -> Value {
        let options = method.options.unwrap_or_default();
        let kind = match (method.client_streaming, method.server_streaming) {
            (false, false) => "unary",
            (false, true) => "server",
            (true, false) => "client",
            (true, true) => "bidi",
        };
        let mut object = self.named(&method.name, &format!("{service}.{}", method.name));
        object.insert("kind".into(), kind.into());
        object.insert("input".into(), method.input_type.trim_start_matches('.').into());
        object.insert("output".into(), method.output_type.trim_start_matches('.').into());
        flag(&mut object, "safe", options.idempotency_level == NO_SIDE_EFFECTS);
        flag(&mut object, "deprecated", options.deprecated);
        object.into()
    }

    /// Adds a message. Those of its fields are added to `more`.
    fn add_message(&mut self, types: &TypeTable, id: MessageId, more: &mut Vec<MessageId>) {
        let message = types.message(id);
        if message.is_map_entry || self.messages.contains_key(&message.full_name) {
            return;
        }
        let own = message.fields.iter().filter(|field| !field.is_extension);
        let fields = own.map(|field| {
            let oneof = field.oneof.map(|oneof| &*message.oneofs[oneof]);
            more.extend(types.type_of(field).message());
            self.field(types, field, oneof)
        });
        let fields = fields.collect::<Vec<_>>();
        let mut object = self.described(&message.full_name);
        object.insert("fields".into(), fields.into());
        self.messages.insert(message.full_name.clone(), object.into());
    }

    fn field(&mut self, types: &TypeTable, field: &FieldType, oneof: Option<&str>) -> Value {
        let mut object = self.named(&field.name, &field.full_name);
        object.insert("number".into(), field.number.into());
        if field.json_name != field.name {
            object.insert("json".into(), (*field.json_name).into());
        }
        if let (FieldShape::Map, Some(entry)) = (field.shape, field.kind.message()) {
            let [key, _] = types.map_fields(entry);
            object.insert("key".into(), key.kind.keyword().into());
        }
        flag(&mut object, "repeated", field.is_list());
        self.add_type(&mut object, types, types.type_of(field));
        match oneof {
            Some(oneof) => {
                object.insert("oneof".into(), oneof.into());
            }
            None => {
                let is_optional = field.has_presence() && field.kind.message().is_none();
                flag(&mut object, "optional", is_optional);
            }
        }
        if let Some(default) = &field.default {
            object.insert("default".into(), (**default).into());
        }
        flag(&mut object, "required", field.is_required);
        flag(&mut object, "deprecated", field.is_deprecated);
        flag(&mut object, "redacted", field.is_redacted);
        object.into()
    }

    fn add_type(&mut self, field: &mut Object, types: &TypeTable, kind: FieldKind) {
        field.insert("type".into(), kind.keyword().into());
        match kind {
            FieldKind::Message(id) | FieldKind::Group(id) => {
                field.insert("of".into(), (*types.message(id).full_name).into());
            }
            FieldKind::Enum(id) => {
                field.insert("of".into(), (*types.enumeration(id).full_name).into());
                self.add_enum(types, id);
            }
            _ => {}
        }
    }

    fn add_enum(&mut self, types: &TypeTable, id: EnumId) {
        let values = types.enumeration(id);
        if self.enums.contains_key(&values.full_name) {
            return;
        }
        let numbered = values.values.iter().map(|(name, number)| {
            let comment = self.comments.get(&*format!("{}.{name}", values.full_name));
            json!([name, number, comment])
        });
        let numbered = numbered.collect::<Vec<_>>();
        let mut object = self.described(&values.full_name);
        object.insert("values".into(), numbered.into());
        self.enums.insert(values.full_name.clone(), object.into());
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

fn is_well_known(types: &TypeTable, id: MessageId) -> bool {
    types.message(id).full_name.starts_with("google.protobuf.")
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
        assert!(FileDescriptorProto::decode(&*broken).is_ok());
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
