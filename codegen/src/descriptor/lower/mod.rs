//! Descriptors in, model out.

mod embedded;
mod messages;
mod services;

use std::collections::{BTreeSet, HashMap};

use self::embedded::Embedder;
use super::{
    features::{self, Features},
    protos::{Edition, FileDescriptorProto, FileDescriptorSet, FileOptions},
    source_info::SourceInfo,
};
use crate::{
    diagnostics::{Location, NOT_OF_PROTOC, Problem, Problems},
    model::{File, Model},
    options::Options,
};

/// Field numbers of `descriptor.proto`, of which descriptor paths consist.
mod number {
    pub(super) const PACKAGE: i32 = 2;
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const ENUM: i32 = 5;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const SYNTAX: i32 = 12;
    pub(super) const EDITION: i32 = 14;

    pub(super) const FIELD: i32 = 2;
    pub(super) const NESTED_MESSAGE: i32 = 3;
    pub(super) const NESTED_ENUM: i32 = 4;
    pub(super) const ONEOF: i32 = 8;

    pub(super) const ENUM_VALUE: i32 = 2;

    pub(super) const METHOD: i32 = 2;
    pub(super) const METHOD_OPTIONS: i32 = 4;
}

/// Lowers a whole request. `options` say which descriptors are encoded for the wanted files.
///
/// Descriptors are let go of one by one: of a large API, they take more than what comes of them.
pub(crate) fn lower(
    set: FileDescriptorSet,
    wanted: &BTreeSet<String>,
    options: &Options,
) -> Result<Model, Problems> {
    let mut embedder = Embedder::new(&set);
    let mut sets = match options.file_descriptor_set {
        true => embedder.sets(wanted),
        false => HashMap::new(),
    };
    let mut embedded = match options.build_server {
        true => embedder.files(wanted),
        false => HashMap::new(),
    };
    let mut problems = Problems::default();
    let mut files = Vec::new();
    for file in set.file {
        let is_wanted = wanted.contains(file.name());
        let is_explained = options.build_server && !embedded::is_of_the_runtime(file.name());
        let source = SourceInfo::new(&file).reading(is_wanted, is_explained);
        let mut lowered = Lowering { source, problems: &mut problems }.file(&file);
        lowered.wanted = is_wanted;
        lowered.descriptor_set = sets.remove(file.name());
        lowered.embedded = embedded.remove(file.name()).unwrap_or_default();
        files.push(lowered);
    }
    problems.stop()?;
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Model { files })
}

/// The work on one file.
struct Lowering<'a> {
    source: SourceInfo<'a>,
    problems: &'a mut Problems,
}

/// Where an item stands: the full name of what it is in, the path to it, and what holds there.
struct Place<'a> {
    scope: &'a str,
    path: Vec<i32>,
    features: Features,
}

impl Lowering<'_> {
    fn file(&mut self, file: &FileDescriptorProto) -> File {
        let location = self.source.location(&[number::PACKAGE]);
        let options = self.options::<FileOptions>(file.options.as_deref(), &location);
        let features = Features::of(self.edition(file)).with(options.features.as_ref());
        let scope = match file.package() {
            "" => String::new(),
            package => format!(".{package}"),
        };
        let root = Place { scope: &scope, path: Vec::new(), features };
        let messages = file.message_type.iter().zip(0..);
        let enums = file.enum_type.iter().zip(0..);
        let services = file.service.iter().zip(0..);
        File {
            name: file.name().to_owned(),
            package: file.package().to_owned(),
            wanted: false,
            comments: [number::SYNTAX, number::EDITION, number::PACKAGE]
                .map(|number| self.source.plain(&[number]))
                .concat(),
            messages: messages
                .map(|(message, index)| self.message(message, &root.inner(number::MESSAGE, index)))
                .collect(),
            enums: enums
                .map(|(it, index)| self.enumeration(it, &root.inner(number::ENUM, index)))
                .collect(),
            services: services
                .map(|(service, index)| self.service(service, &root.inner(number::SERVICE, index)))
                .collect(),
            descriptor_set: None,
            embedded: Vec::new(),
            location,
        }
    }

    fn edition(&mut self, file: &FileDescriptorProto) -> Edition {
        features::edition(file).unwrap_or_else(|number| {
            let name = match Edition::try_from(number) {
                Ok(edition) => edition.as_str_name().replace('_', " ").to_lowercase(),
                Err(_) => format!("edition number {number}"),
            };
            self.problems.push(
                Problem::at(&self.source.location(&[number::EDITION]))
                    .says(format!("{name} is not one that this generator knows"))
                    .help("use edition 2023, 2024 or 2026, or a newer generator"),
            );
            features::MAXIMUM
        })
    }

    /// Reads options, which descriptors keep as they are encoded.
    fn options<T: prost::Message + Default>(
        &mut self,
        bytes: Option<&[u8]>,
        location: &Location,
    ) -> T {
        T::decode(bytes.unwrap_or_default()).unwrap_or_else(|error| {
            self.problems.push(
                Problem::at(location)
                    .says(format!("the options of what stands here cannot be read: {error}"))
                    .help(NOT_OF_PROTOC),
            );
            T::default()
        })
    }
}

impl Place<'_> {
    /// The full name of what is called so here.
    fn full_name(&self, name: &str) -> String {
        format!("{}.{name}", self.scope)
    }

    /// The place of the item with this index in the field of this number.
    fn inner(&self, number: i32, index: i32) -> Self {
        let path = [self.path.as_slice(), &[number, index]].concat();
        Self { path, ..*self }
    }
}
