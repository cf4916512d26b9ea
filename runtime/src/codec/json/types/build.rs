//! A [`TypeTable`] out of files.

use std::collections::{HashMap, HashSet};

use prost::Message as _;

use super::{
    EnumId, EnumType, FieldKind, FieldShape, FieldType, JsonForm, MessageId, MessageType,
    NamedType, ServiceType, TypeTable,
    file::{self, EnumProto, FieldProto, FileProto, MessageProto},
};
use crate::{
    call::status::BoxError,
    codec::{descriptors::well_known_files, json::well_known::camel_case},
};

impl TypeTable {
    /// What is in `files`, each of which is an encoded `FileDescriptorProto`, and in the well-known ones.
    ///
    /// # Errors
    /// The files are not what the generator writes.
    pub(crate) fn new(files: &[&[u8]]) -> Result<Self, BoxError> {
        let well_known = well_known_files();
        let encoded = well_known.iter().map(|file| &file[..]).chain(files.iter().copied());
        let mut read = HashSet::new();
        let mut decoded = encoded.map(FileProto::decode).collect::<Result<Vec<_>, _>>()?;
        decoded.retain(|file| read.insert(file.name.clone()));
        let mut table = Self::default();
        // First all names: fields refer to types of any file.
        decoded.iter().try_for_each(|file| table.declare_file(file))?;
        decoded.iter().try_for_each(|file| table.define_file(file))?;
        table.messages.iter_mut().for_each(MessageType::index);
        table.check_map_entries()?;
        Ok(table)
    }

    fn declare_file(&mut self, file: &FileProto) -> Result<(), BoxError> {
        for service in &file.services {
            self.services.push(ServiceType {
                full_name: joined(&file.package, &service.name),
                file: file.name.clone(),
                proto: service.clone(),
            });
        }
        self.declare_types(&file.package, &file.messages, &file.enums)
    }

    fn declare_types(
        &mut self,
        scope: &str,
        messages: &[MessageProto],
        enums: &[EnumProto],
    ) -> Result<(), BoxError> {
        for message in messages {
            let full_name = joined(scope, &message.name);
            self.declare(&full_name, NamedType::Message(MessageId(self.messages.len())))?;
            self.messages.push(MessageType::declared(&full_name, message));
            self.declare_types(&full_name, &message.messages, &message.enums)?;
        }
        for values in enums {
            let full_name = joined(scope, &values.name);
            self.declare(&full_name, NamedType::Enum(EnumId(self.enums.len())))?;
            self.enums.push(EnumType::declared(full_name, values));
        }
        Ok(())
    }

    fn declare(&mut self, full_name: &str, id: NamedType) -> Result<(), BoxError> {
        match self.names.insert(full_name.to_owned(), id) {
            None => Ok(()),
            Some(_) => Err(format!("{full_name} is declared twice").into()),
        }
    }

    fn define_file(&mut self, file: &FileProto) -> Result<(), BoxError> {
        let own = file.options.and_then(|options| options.features);
        let features = Features::of_syntax(&file.syntax).with(own);
        for message in &file.messages {
            self.define_message(&file.package, message, features)?;
        }
        self.define_extensions(&file.package, &file.extensions, features)
    }

    fn define_message(
        &mut self,
        scope: &str,
        message: &MessageProto,
        outer: Features,
    ) -> Result<(), BoxError> {
        let full_name = joined(scope, &message.name);
        let features = outer.with(message.options.and_then(|options| options.features));
        for inner in &message.messages {
            self.define_message(&full_name, inner, features)?;
        }
        self.define_extensions(&full_name, &message.extensions, features)?;
        let fields =
            message.fields.iter().map(|field| self.field_type(&full_name, field, features));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let id = self.find_message(&full_name).ok_or_else(|| unknown(&full_name))?;
        self.messages[id.0].fields.extend(fields);
        Ok(())
    }

    fn define_extensions(
        &mut self,
        scope: &str,
        extensions: &[FieldProto],
        features: Features,
    ) -> Result<(), BoxError> {
        for extension in extensions {
            let extendee = self.find_message(&extension.extendee);
            let extendee = extendee.ok_or_else(|| unknown(&extension.extendee))?;
            let mut field = self.field_type(scope, extension, features)?;
            if let FieldShape::Single { has_presence } = &mut field.shape {
                *has_presence = true;
            }
            self.messages[extendee.0].fields.push(field);
        }
        Ok(())
    }

    fn field_type(
        &self,
        scope: &str,
        field: &FieldProto,
        outer: Features,
    ) -> Result<FieldType, BoxError> {
        let options = field.options.unwrap_or_default();
        let features = outer.with(options.features);
        let kind = self.kind(field, features)?;
        let oneof = field.oneof_index.map(usize::try_from).transpose()?;
        let full_name = joined(scope, &field.name);
        let is_extension = !field.extendee.is_empty();
        let (name, json_name) = match (is_extension, &field.json_name) {
            (true, _) => (format!("[{full_name}]"), format!("[{full_name}]")),
            (false, Some(json_name)) => (field.name.clone(), json_name.clone()),
            (false, None) => (field.name.clone(), camel_case(&field.name)),
        };
        Ok(FieldType {
            number: u32::try_from(field.number)?,
            proto_key: key(&name),
            json_key: key(&json_name),
            name,
            full_name,
            json_name,
            kind,
            shape: self.shape(field, kind, features),
            oneof: oneof.filter(|_| !field.proto3_optional),
            default: field.default_value.clone(),
            is_required: field.label == file::REQUIRED
                || features.presence == file::LEGACY_REQUIRED,
            is_deprecated: options.deprecated,
            is_extension,
            is_redacted: options.debug_redact,
        })
    }

    fn kind(&self, field: &FieldProto, features: Features) -> Result<FieldKind, BoxError> {
        let named = || {
            let name = field.type_name.strip_prefix('.').unwrap_or(&field.type_name);
            self.names.get(name).copied().ok_or_else(|| unknown(name))
        };
        let message = || match named()? {
            NamedType::Message(id) => Ok(id),
            NamedType::Enum(_) => Err(unknown(&field.type_name)),
        };
        // The numbers of `FieldDescriptorProto.Type`.
        Ok(match field.kind {
            1 => FieldKind::Double,
            2 => FieldKind::Float,
            3 => FieldKind::Int64,
            4 => FieldKind::Uint64,
            5 => FieldKind::Int32,
            6 => FieldKind::Fixed64,
            7 => FieldKind::Fixed32,
            8 => FieldKind::Bool,
            9 => FieldKind::String,
            10 => FieldKind::Group(message()?),
            11 => {
                let id = message()?;
                // The entries of maps are encoded alike in all files.
                let is_entry = self.message(id).is_map_entry;
                match features.message_encoding == file::DELIMITED && !is_entry {
                    true => FieldKind::Group(id),
                    false => FieldKind::Message(id),
                }
            }
            12 => FieldKind::Bytes,
            13 => FieldKind::Uint32,
            14 => match named()? {
                NamedType::Enum(id) => FieldKind::Enum(id),
                NamedType::Message(_) => return Err(unknown(&field.type_name)),
            },
            15 => FieldKind::Sfixed32,
            16 => FieldKind::Sfixed64,
            17 => FieldKind::Sint32,
            18 => FieldKind::Sint64,
            other => return Err(format!("there is no type {other} of fields").into()),
        })
    }

    fn shape(&self, field: &FieldProto, kind: FieldKind, features: Features) -> FieldShape {
        if field.label != file::REPEATED {
            let has_presence = kind.message().is_some()
                || field.oneof_index.is_some()
                || features.presence != file::IMPLICIT;
            return FieldShape::Single { has_presence };
        }
        if kind.message().is_some_and(|id| self.message(id).is_map_entry) {
            return FieldShape::Map;
        }
        let packed = field.options.and_then(|options| options.packed);
        let is_packed = packed.unwrap_or(features.repeated_encoding == file::PACKED);
        FieldShape::List { is_packed: is_packed && kind.is_packable() }
    }

    /// Whoever reads maps relies on it.
    fn check_map_entries(&self) -> Result<(), BoxError> {
        let is_entry =
            |message: &MessageType| message.fields.iter().map(|field| field.number).eq([1, 2]);
        let mut entries = self.messages.iter().filter(|message| message.is_map_entry);
        match entries.find(|message| !is_entry(message)) {
            Some(message) => Err(format!("{} is no entry of a map", message.full_name).into()),
            None => Ok(()),
        }
    }
}

impl EnumType {
    fn declared(full_name: String, values: &EnumProto) -> Self {
        let named = values.values.iter().map(|value| (value.name.clone(), value.number));
        let values: Vec<_> = named.collect();
        let positions = values.iter().enumerate().rev();
        Self {
            full_name,
            numbers: values.iter().cloned().collect(),
            positions: positions.map(|(position, (_, number))| (*number, position)).collect(),
            values,
        }
    }
}

impl MessageType {
    /// The message without its fields.
    fn declared(full_name: &str, message: &MessageProto) -> Self {
        Self {
            full_name: full_name.to_owned(),
            form: JsonForm::of(full_name),
            is_map_entry: message.options.is_some_and(|options| options.map_entry),
            fields: Vec::new(),
            oneofs: message.oneofs.iter().map(|oneof| oneof.name.clone()).collect(),
            names: HashMap::new(),
        }
    }

    /// Makes fields found.
    fn index(&mut self) {
        self.fields.sort_by_key(|field| field.number);
        let named = |name: fn(&FieldType) -> &String| {
            let fields = self.fields.iter().enumerate();
            fields.map(move |(position, field)| (name(field).clone(), position))
        };
        let mut names: HashMap<_, _> = named(|field| &field.name).collect();
        // A name in JSON counts more than one in the proto.
        names.extend(named(|field| &field.json_name));
        self.names = names;
    }
}

impl JsonForm {
    fn of(full_name: &str) -> Self {
        match full_name.strip_prefix("google.protobuf.") {
            Some("Any") => Self::Any,
            Some("Timestamp") => Self::Timestamp,
            Some("Duration") => Self::Duration,
            Some("FieldMask") => Self::FieldMask,
            Some("Struct") => Self::Struct,
            Some("Value") => Self::Value,
            Some("ListValue") => Self::ListValue,
            Some(
                "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
                | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue",
            ) => Self::Wrapper,
            _ => Self::Object,
        }
    }
}

/// The features of [editions](https://protobuf.dev/editions/features/) that matter to JSON, which say of older files, too,
/// what they mean.
#[derive(Clone, Copy)]
struct Features {
    presence: i32,
    repeated_encoding: i32,
    message_encoding: i32,
}

impl Features {
    fn of_syntax(syntax: &str) -> Self {
        let [presence, repeated_encoding] = match syntax {
            "editions" => [file::EXPLICIT, file::PACKED],
            "proto3" => [file::IMPLICIT, file::PACKED],
            _ => [file::EXPLICIT, file::EXPANDED],
        };
        Self { presence, repeated_encoding, message_encoding: file::LENGTH_PREFIXED }
    }

    /// These, but for those that are set in `own`.
    fn with(self, own: Option<file::FeatureSet>) -> Self {
        let Some(own) = own else { return self };
        Self {
            presence: own.field_presence.unwrap_or(self.presence),
            repeated_encoding: own.repeated_field_encoding.unwrap_or(self.repeated_encoding),
            message_encoding: own.message_encoding.unwrap_or(self.message_encoding),
        }
    }
}

/// A name as the key of an object, with the colon after it.
fn key(name: &str) -> String {
    format!("{}:", serde_json::Value::from(name))
}

fn unknown(name: &str) -> BoxError {
    format!("there is no type {name:?}").into()
}

fn joined(scope: &str, name: &str) -> String {
    match scope {
        "" => name.to_owned(),
        _ => format!("{scope}.{name}"),
    }
}
