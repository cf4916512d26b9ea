//! What an edition makes of a file, and what features change about it.
//!
//! proto2 and proto3 are read as editions, too: they have other defaults, and options and labels
//! of their own. <https://protobuf.dev/editions/features/>

use super::protos::{
    Edition, FeatureSet, FileDescriptorProto,
    feature_set::{FieldPresence, MessageEncoding, RepeatedFieldEncoding},
};

/// The features that decide how a message is written in Rust and on the wire. An enum is open in
/// prost, and text is always checked, whatever `enum_type` and `utf8_validation` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) presence: FieldPresence,
    pub(super) repeated: RepeatedFieldEncoding,
    pub(super) messages: MessageEncoding,
}

impl Features {
    /// The defaults of an edition.
    pub(super) fn of(edition: Edition) -> Self {
        let (presence, repeated) = match edition {
            Edition::Proto2 => (FieldPresence::Explicit, RepeatedFieldEncoding::Expanded),
            Edition::Proto3 => (FieldPresence::Implicit, RepeatedFieldEncoding::Packed),
            _ => (FieldPresence::Explicit, RepeatedFieldEncoding::Packed),
        };
        Self { presence, repeated, messages: MessageEncoding::LengthPrefixed }
    }

    /// These features with what something further in says of its own.
    pub(super) fn with(self, own: Option<&FeatureSet>) -> Self {
        let Some(own) = own else { return self };
        Self {
            presence: set(own.field_presence).unwrap_or(self.presence),
            repeated: set(own.repeated_field_encoding).unwrap_or(self.repeated),
            messages: set(own.message_encoding).unwrap_or(self.messages),
        }
    }
}

fn set<T: TryFrom<i32>>(value: Option<i32>) -> Option<T> {
    T::try_from(value?).ok()
}

/// The newest edition whose rules are known here.
///
/// What editions 2024 and 2026 bring (naming style, visibility of symbols, limits, options that are
/// removed) is for protoc to check: it changes neither what is on the wire nor what has presence.
pub(super) const MAXIMUM: Edition = Edition::Edition2026;

/// The edition of a file, or the number of one that is not known.
pub(super) fn edition(file: &FileDescriptorProto) -> Result<Edition, i32> {
    match file.syntax() {
        "editions" => {
            let number = file.edition.unwrap_or_default();
            match Edition::try_from(number) {
                Ok(edition) if (Edition::Edition2023..=MAXIMUM).contains(&edition) => Ok(edition),
                _ => Err(number),
            }
        }
        "proto3" => Ok(Edition::Proto3),
        _ => Ok(Edition::Proto2),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::descriptor::protos::FeatureSetDefaults;

    #[test]
    fn the_defaults_of_editions_are_those_of_protoc() {
        let maximum = MAXIMUM.as_str_name().replace("EDITION_", "");
        let defaults = crate::builder::tests::edition_defaults(&maximum);
        let defaults = FeatureSetDefaults::decode(defaults.as_slice());
        let defaults = defaults.expect("protoc writes what it declares");
        let mut editions = Vec::new();
        for entry in &defaults.defaults {
            let edition = entry.edition();
            let of_protoc = Features::of(Edition::Legacy)
                .with(entry.fixed_features.as_ref())
                .with(entry.overridable_features.as_ref());
            let edition = if edition == Edition::Legacy { Edition::Proto2 } else { edition };
            assert_eq!(Features::of(edition), of_protoc, "{edition:?}");
            editions.push(edition);
        }
        let [.., Edition::Edition2023, Edition::Edition2024, MAXIMUM] = *editions else {
            panic!("protoc tells of the editions {editions:?}");
        };
    }
}
