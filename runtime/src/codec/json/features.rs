//! The features of editions, which prost-types does not know: where they are in a `google.protobuf.FileDescriptorProto`.

use prost::Message;

/// Values of `FeatureSet.FieldPresence`.
pub(super) const EXPLICIT: i32 = 1;
pub(super) const IMPLICIT: i32 = 2;
pub(super) const LEGACY_REQUIRED: i32 = 3;
/// A value of `FeatureSet.RepeatedFieldEncoding`.
pub(super) const PACKED: i32 = 1;
/// Values of `FeatureSet.MessageEncoding`.
pub(super) const LENGTH_PREFIXED: i32 = 1;
pub(super) const DELIMITED: i32 = 2;

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FeatureSet {
    #[prost(int32, optional, tag = "1")]
    pub(super) field_presence: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    pub(super) repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(super) message_encoding: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FileFeatures {
    #[prost(message, repeated, tag = "4")]
    pub(super) messages: Vec<MessageFeatures>,
    #[prost(message, repeated, tag = "7")]
    pub(super) extensions: Vec<FieldFeatures>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FileOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FileOptions {
    #[prost(message, optional, tag = "50")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageFeatures {
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<FieldFeatures>,
    #[prost(message, repeated, tag = "3")]
    pub(super) messages: Vec<Self>,
    #[prost(message, repeated, tag = "6")]
    pub(super) extensions: Vec<FieldFeatures>,
    #[prost(message, optional, tag = "7")]
    pub(super) options: Option<MessageOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct MessageOptions {
    #[prost(message, optional, tag = "12")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FieldFeatures {
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FieldOptions>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    pub(super) features: Option<FeatureSet>,
}
