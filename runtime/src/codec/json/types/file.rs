//! `google.protobuf.FileDescriptorProto`, as far as JSON needs it: with the features of editions and the option
//! `debug_redact`, which prost-types does not know.
//!
//! See [`descriptor.proto`](https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto).

use prost::Message;

/// Values of `FeatureSet.FieldPresence`.
pub(super) const EXPLICIT: i32 = 1;
pub(super) const IMPLICIT: i32 = 2;
pub(super) const LEGACY_REQUIRED: i32 = 3;
/// Values of `FeatureSet.RepeatedFieldEncoding`.
pub(super) const PACKED: i32 = 1;
pub(super) const EXPANDED: i32 = 2;
/// Values of `FeatureSet.MessageEncoding`.
pub(super) const LENGTH_PREFIXED: i32 = 1;
pub(super) const DELIMITED: i32 = 2;
/// Values of `FieldDescriptorProto.Label`.
pub(super) const REQUIRED: i32 = 2;
pub(super) const REPEATED: i32 = 3;

#[derive(Clone, PartialEq, Message)]
pub(super) struct FileProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) package: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) messages: Vec<MessageProto>,
    #[prost(message, repeated, tag = "5")]
    pub(super) enums: Vec<EnumProto>,
    #[prost(message, repeated, tag = "6")]
    pub(super) services: Vec<ServiceProto>,
    #[prost(message, repeated, tag = "7")]
    pub(super) extensions: Vec<FieldProto>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FileOptionsProto>,
    #[prost(string, tag = "12")]
    pub(super) syntax: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FeatureSet {
    #[prost(int32, optional, tag = "1")]
    pub(super) field_presence: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    pub(super) repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(super) message_encoding: Option<i32>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FileOptionsProto {
    #[prost(message, optional, tag = "50")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<FieldProto>,
    #[prost(message, repeated, tag = "3")]
    pub(super) messages: Vec<Self>,
    #[prost(message, repeated, tag = "4")]
    pub(super) enums: Vec<EnumProto>,
    #[prost(message, repeated, tag = "6")]
    pub(super) extensions: Vec<FieldProto>,
    #[prost(message, optional, tag = "7")]
    pub(super) options: Option<MessageOptionsProto>,
    #[prost(message, repeated, tag = "8")]
    pub(super) oneofs: Vec<OneofProto>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct MessageOptionsProto {
    #[prost(bool, tag = "7")]
    pub(super) map_entry: bool,
    #[prost(message, optional, tag = "12")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OneofProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) extendee: String,
    #[prost(int32, tag = "3")]
    pub(super) number: i32,
    #[prost(int32, tag = "4")]
    pub(super) label: i32,
    #[prost(int32, tag = "5")]
    pub(super) kind: i32,
    #[prost(string, tag = "6")]
    pub(super) type_name: String,
    #[prost(string, optional, tag = "7")]
    pub(super) default_value: Option<String>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FieldOptionsProto>,
    #[prost(int32, optional, tag = "9")]
    pub(super) oneof_index: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(super) json_name: Option<String>,
    #[prost(bool, tag = "17")]
    pub(super) proto3_optional: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FieldOptionsProto {
    #[prost(bool, optional, tag = "2")]
    pub(super) packed: Option<bool>,
    #[prost(bool, tag = "3")]
    pub(super) deprecated: bool,
    #[prost(bool, tag = "16")]
    pub(super) debug_redact: bool,
    #[prost(message, optional, tag = "21")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<EnumValueProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumValueProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) number: i32,
}

/// `google.protobuf.ServiceDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServiceProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) methods: Vec<MethodProto>,
    #[prost(message, optional, tag = "3")]
    pub(crate) options: Option<ServiceOptionsProto>,
}

/// `google.protobuf.MethodDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MethodProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) input_type: String,
    #[prost(string, tag = "3")]
    pub(crate) output_type: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) options: Option<MethodOptionsProto>,
    #[prost(bool, tag = "5")]
    pub(crate) client_streaming: bool,
    #[prost(bool, tag = "6")]
    pub(crate) server_streaming: bool,
}

/// `google.protobuf.ServiceOptions`
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ServiceOptionsProto {
    #[prost(bool, tag = "33")]
    pub(crate) deprecated: bool,
}

/// `google.protobuf.MethodOptions`
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct MethodOptionsProto {
    #[prost(bool, tag = "33")]
    pub(crate) deprecated: bool,
    /// 1 is `NO_SIDE_EFFECTS`.
    #[prost(int32, tag = "34")]
    pub(crate) idempotency_level: i32,
}
