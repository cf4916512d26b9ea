//! Files of editions in the words of proto3, which prost-reflect knows: it reads no features.

use prost::{DecodeError, Message as _};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FieldOptions, FileDescriptorProto, MessageOptions,
    field_descriptor_proto::{Label, Type},
};

use super::features;

/// Decodes a file. In one of an edition, proto3's words say what its features say: which fields have presence, and how
/// they are encoded.
pub(super) fn decode(encoded: &[u8]) -> Result<FileDescriptorProto, DecodeError> {
    let mut file = FileDescriptorProto::decode(encoded)?;
    if file.syntax() == "editions" {
        let own = features::FileFeatures::decode(encoded)?;
        let features = Features::DEFAULT.with(own.options.and_then(|options| options.features));
        lower_messages(&mut file.message_type, &own.messages, features);
        lower_fields(&mut file.extension, &own.extensions, features, &[]);
        file.enum_type.iter_mut().for_each(lower_enum);
        file.syntax = Some("proto3".to_owned());
    }
    Ok(file)
}

/// The features that matter, resolved.
#[derive(Clone, Copy)]
struct Features {
    presence: i32,
    repeated_encoding: i32,
    message_encoding: i32,
}

impl Features {
    /// Those of the editions that there are.
    const DEFAULT: Self = Self {
        presence: features::EXPLICIT,
        repeated_encoding: features::PACKED,
        message_encoding: features::LENGTH_PREFIXED,
    };

    /// These, but for those that are set in `own`.
    fn with(self, own: Option<features::FeatureSet>) -> Self {
        let Some(own) = own else { return self };
        Self {
            presence: own.field_presence.unwrap_or(self.presence),
            repeated_encoding: own.repeated_field_encoding.unwrap_or(self.repeated_encoding),
            message_encoding: own.message_encoding.unwrap_or(self.message_encoding),
        }
    }
}

fn lower_messages(
    messages: &mut [DescriptorProto],
    own: &[features::MessageFeatures],
    outer: Features,
) {
    for (message, own) in messages.iter_mut().zip(own) {
        // The entries of maps are encoded alike in all files.
        if is_map_entry(message) {
            continue;
        }
        let features = outer.with(own.options.and_then(|options| options.features));
        lower_messages(&mut message.nested_type, &own.messages, features);
        lower_fields(&mut message.extension, &own.extensions, features, &[]);
        message.enum_type.iter_mut().for_each(lower_enum);
        lower_fields(&mut message.field, &own.fields, features, &message.nested_type);
    }
}

/// Lowers fields of a message with these nested types, some of which may be the entries of maps.
fn lower_fields(
    fields: &mut [FieldDescriptorProto],
    own: &[features::FieldFeatures],
    outer: Features,
    nested: &[DescriptorProto],
) {
    for (field, own) in fields.iter_mut().zip(own) {
        let features = outer.with(own.options.and_then(|options| options.features));
        let is_map = || nested.iter().any(|it| is_map_entry(it) && is_named(field, it.name()));
        if field.r#type() == Type::Message
            && features.message_encoding == features::DELIMITED
            && !is_map()
        {
            field.set_type(Type::Group);
        }
        if field.label() == Label::Repeated {
            let options = field.options.get_or_insert_with(FieldOptions::default);
            options.packed = Some(features.repeated_encoding == features::PACKED);
            continue;
        }
        // Fields that have presence in any case may say so.
        field.proto3_optional = Some(features.presence != features::IMPLICIT);
        if features.presence == features::LEGACY_REQUIRED {
            field.set_label(Label::Required);
        }
    }
}

/// Puts a zero first, which a closed enum need not have.
fn lower_enum(lowered: &mut EnumDescriptorProto) {
    if let Some(zero) = lowered.value.iter().position(|value| value.number() == 0) {
        lowered.value[..=zero].rotate_right(1);
        return;
    }
    // No name of a proto, and no other enum's.
    let name = Some(format!("{}.0", lowered.name()));
    let zero = EnumValueDescriptorProto { name, number: Some(0), ..Default::default() };
    lowered.value.insert(0, zero);
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}

/// Whether the type of `field` has this name, in whichever scope.
fn is_named(field: &FieldDescriptorProto, name: &str) -> bool {
    field.type_name().rsplit('.').next() == Some(name)
}
