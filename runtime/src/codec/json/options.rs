//! [`JsonOptions`]: what the mapping leaves to choose, and what it does not limit.

#[cfg(feature = "rest")]
use super::types::FieldType;

/// How deeply objects and lists may be nested. What is in an `Any` is decoded by itself, so that protobuf's limit holds
/// anew in each, and nobody but the stack would stop an `Any` in an `Any`. One less than `serde_json` reads, so that the
/// reader refuses first and says why.
pub(super) const MAX_DEPTH: usize = 126;

/// How messages are written as JSON, and read from it: see [`ServiceServer::json`](crate::ServiceServer::json). Needs the
/// feature `json`.
///
/// ```
/// use rust_scaffold::JsonOptions;
///
/// const LENIENT: JsonOptions = JsonOptions::new().ignore_unknown_fields(true);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonOptions {
    pub(super) ignores_unknown_fields: bool,
    pub(super) writes_defaults: bool,
    pub(super) writes_enum_numbers: bool,
    pub(super) writes_proto_names: bool,
}

impl JsonOptions {
    /// As protobuf's mapping has it, with unknown fields refused.
    pub const fn new() -> Self {
        Self {
            ignores_unknown_fields: false,
            writes_defaults: false,
            writes_enum_numbers: false,
            writes_proto_names: false,
        }
    }

    /// Whether to ignore fields, and values of enums, that are not known, instead of refusing the message with
    /// `InvalidArgument`. Default: false.
    #[must_use]
    pub const fn ignore_unknown_fields(self, ignore: bool) -> Self {
        Self { ignores_unknown_fields: ignore, ..self }
    }

    /// Whether to write fields that have their default value and no presence, such as 0. Default: false.
    #[must_use]
    pub const fn write_default_values(self, write: bool) -> Self {
        Self { writes_defaults: write, ..self }
    }

    /// Whether to write the numbers of enums' values instead of their names. Default: false.
    #[must_use]
    pub const fn write_enum_numbers(self, write: bool) -> Self {
        Self { writes_enum_numbers: write, ..self }
    }

    /// Whether to write the names of fields as the proto has them, instead of `lowerCamelCase` or their `json_name`.
    /// Both are read in any case. Default: false.
    #[must_use]
    pub const fn write_proto_names(self, write: bool) -> Self {
        Self { writes_proto_names: write, ..self }
    }

    /// The name with which a field is written.
    #[cfg(feature = "rest")]
    pub(super) fn name_of(self, field: &FieldType) -> &str {
        match self.writes_proto_names {
            true => &field.name,
            false => &field.json_name,
        }
    }
}
