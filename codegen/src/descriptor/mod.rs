//! The only place that knows protobuf's descriptors: they are lowered to [`crate::model`] here,
//! and handed on to prost-build for the messages.

mod debug;
mod fields;
mod lower;
mod messages;
mod plugin;
mod source_info;

use std::collections::BTreeSet;

pub(crate) use self::{
    lower::lower,
    messages::{Customize, messages},
    plugin::{Request, decode_request, encode_response},
};
pub use prost_types::FileDescriptorSet;

use crate::{error::Error, names::paths::Paths};
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

/// Decodes what `protoc --descriptor_set_out` has written.
pub(crate) fn decode_set(bytes: &[u8]) -> Result<FileDescriptorSet, Error> {
    FileDescriptorSet::decode(bytes)
        .map_err(|error| Error::Input(format!("protoc's descriptor set cannot be read: {error}")))
}

/// The files of a set that a build script generates: those that it names, and of the others all
/// that hold something which does not come from elsewhere.
pub(crate) fn to_generate(
    set: &FileDescriptorSet,
    named: &BTreeSet<String>,
    paths: &Paths,
) -> BTreeSet<String> {
    let wanted = set.file.iter().filter(|file| {
        let external = |name: &str| paths.external(&full_name(file, name)).is_some();
        let messages = file.message_type.iter().map(DescriptorProto::name);
        let mut types = messages.chain(file.enum_type.iter().map(EnumDescriptorProto::name));
        named.contains(file.name()) || !file.service.is_empty() || !types.all(external)
    });
    wanted.map(|file| file.name().to_owned()).collect()
}

/// The names of all files of a set.
pub(crate) fn file_names(set: &FileDescriptorSet) -> impl Iterator<Item = &str> {
    set.file.iter().map(FileDescriptorProto::name)
}

/// With a leading dot, as descriptors refer to types: `.shop.Order`.
fn full_name(file: &FileDescriptorProto, name: &str) -> String {
    match file.package() {
        "" => format!(".{name}"),
        package => format!(".{package}.{name}"),
    }
}
