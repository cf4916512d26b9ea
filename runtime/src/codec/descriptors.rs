//! The files that every service may import, and generated code leaves out.

use bytes::Bytes;
use prost::Message as _;

/// `google/protobuf/*.proto`, as an encoded `FileDescriptorSet`. Every server would have them several times.
const WELL_KNOWN: &[u8] = include_bytes!("well_known.binpb");

/// The well-known files as encoded `FileDescriptorProto`s, each after those that it imports.
pub(crate) fn well_known_files() -> Vec<Bytes> {
    files_of(WELL_KNOWN).unwrap_or_default()
}

/// The encoded `FileDescriptorProto`s of an encoded `FileDescriptorSet`.
///
/// # Errors
/// It is none.
pub(crate) fn files_of(set: &[u8]) -> Result<Vec<Bytes>, prost::DecodeError> {
    /// `google.protobuf.FileDescriptorSet`, of which what is unknown to this decoder has to stay.
    #[derive(Clone, PartialEq, prost::Message)]
    struct EncodedFiles {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        file: Vec<Bytes>,
    }
    EncodedFiles::decode(set).map(|set| set.file)
}
