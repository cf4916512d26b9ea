//! The only place that knows protobuf's descriptors: they are lowered to [`crate::model`] here.

mod features;
mod http;
mod lower;
mod plugin;
mod protos;
mod source_info;

use std::collections::BTreeSet;

use prost::Message as _;

use self::protos::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
pub(crate) use self::{
    lower::lower,
    plugin::{Request, decode_request, encode_response},
    protos::FileDescriptorSet,
};
use crate::{error::Error, names::external::External, options::Options};

/// Decodes a set as `protoc --descriptor_set_out` writes it.
pub(crate) fn decode_set(bytes: &[u8]) -> Result<FileDescriptorSet, Error> {
    FileDescriptorSet::decode(bytes)
        .map_err(|error| Error::Input(format!("the descriptor set cannot be read: {error}")))
}

/// Adds what another set has more.
#[cfg(feature = "cli")]
pub(crate) fn add(set: &mut FileDescriptorSet, other: FileDescriptorSet) {
    for file in other.file {
        if set.file.iter().all(|known| known.name != file.name) {
            set.file.push(file);
        }
    }
}

/// The files of a set that a build script generates: those that it names, and of the others all
/// that hold something which does not come from elsewhere.
pub(crate) fn to_generate(
    set: &FileDescriptorSet,
    named: &BTreeSet<String>,
    options: &Options,
) -> BTreeSet<String> {
    let external = External::new(options);
    let wanted = set.file.iter().filter(|file| {
        if named.contains(file.name()) {
            return true;
        }
        if file.name().starts_with("google/protobuf/") && !options.compile_well_known_types {
            return false;
        }
        let scope = match file.package() {
            "" => String::new(),
            package => format!(".{package}"),
        };
        let is_external = |name: &str| external.has(&format!("{scope}.{name}"));
        let messages = file.message_type.iter().map(DescriptorProto::name);
        let mut types = messages.chain(file.enum_type.iter().map(EnumDescriptorProto::name));
        !file.service.is_empty() || !types.all(is_external)
    });
    wanted.map(|file| file.name().to_owned()).collect()
}

/// The names of all files of a set.
pub(crate) fn file_names(set: &FileDescriptorSet) -> impl Iterator<Item = &str> {
    set.file.iter().map(FileDescriptorProto::name)
}
