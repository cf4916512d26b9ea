//! The descriptors that generated code carries for reflection.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use prost::Message as _;

use crate::descriptor::protos::{
    DescriptorProto, ExtensionRangeOptions, FileDescriptorProto, FileDescriptorSet,
};

/// The protos that the runtime has itself.
const OF_THE_RUNTIME: [&str; 11] = [
    "google/protobuf/any.proto",
    "google/protobuf/api.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/source_context.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/type.proto",
    "google/protobuf/wrappers.proto",
];

/// Whether the runtime has the proto of this name itself.
pub(super) fn is_of_the_runtime(file: &str) -> bool {
    OF_THE_RUNTIME.contains(&file)
}

/// Encodes files with everything that they import, without comments and places.
pub(super) struct Embedder<'a> {
    by_name: HashMap<&'a str, &'a FileDescriptorProto>,
    encoded: HashMap<&'a str, Arc<[u8]>>,
}

impl<'a> Embedder<'a> {
    pub(super) fn new(set: &'a FileDescriptorSet) -> Self {
        let by_name = set.file.iter().map(|file| (file.name(), file)).collect();
        Self { by_name, encoded: HashMap::new() }
    }

    /// The encoded sets of the wanted files, by their names.
    pub(super) fn sets(&self, wanted: &BTreeSet<String>) -> HashMap<String, Vec<u8>> {
        let set = |file: &str| FileDescriptorSet {
            file: self.with_imports(file).into_iter().map(stripped).collect(),
        };
        wanted.iter().map(|file| (file.clone(), set(file).encode_to_vec())).collect()
    }

    /// The encoded descriptors of the wanted files that have services, by their names: each with what it imports
    /// and the runtime does not have.
    pub(super) fn files(&mut self, wanted: &BTreeSet<String>) -> HashMap<String, Vec<Arc<[u8]>>> {
        let with_services = self.by_name.values().filter(|file| !file.service.is_empty());
        let names = with_services.map(|file| file.name()).filter(|name| wanted.contains(*name));
        let names = names.collect::<Vec<_>>();
        let files = names.into_iter().map(|name| {
            let files = self.with_imports(name).into_iter();
            let files = files.filter(|file| !is_of_the_runtime(file.name()));
            (name.to_owned(), files.map(|file| self.encoded(file)).collect())
        });
        files.collect()
    }

    fn encoded(&mut self, file: &'a FileDescriptorProto) -> Arc<[u8]> {
        let encode = || stripped(file).encode_to_vec().into();
        Arc::clone(self.encoded.entry(file.name()).or_insert_with(encode))
    }

    /// The file with this name, after everything that it imports.
    fn with_imports(&self, file: &str) -> Vec<&'a FileDescriptorProto> {
        let mut files = Vec::new();
        let mut seen = BTreeSet::new();
        let mut stack = Vec::from_iter(self.by_name.get(file).map(|file| (*file, false)));
        // A file is pushed twice: to look at its imports first, and then to be taken.
        while let Some((file, imports_are_done)) = stack.pop() {
            if imports_are_done {
                files.push(file);
            } else if seen.insert(file.name()) {
                stack.push((file, true));
                // Those of `import option` bring options alone, which clients read with them.
                let imports = file.dependency.iter().chain(&file.option_dependency).rev();
                let known = imports.filter_map(|name| self.by_name.get(name.as_str()));
                stack.extend(known.map(|file| (*file, false)));
            }
        }
        files
    }
}

fn stripped(file: &FileDescriptorProto) -> FileDescriptorProto {
    let mut file = FileDescriptorProto { source_code_info: None, ..file.clone() };
    file.message_type.iter_mut().for_each(drop_declarations);
    file
}

/// Extension declarations are for compilers (`retention = RETENTION_SOURCE`). protoc leaves them
/// out of descriptor sets, but not out of the imports that it hands to a plugin.
fn drop_declarations(message: &mut DescriptorProto) {
    message.nested_type.iter_mut().for_each(drop_declarations);
    for range in &mut message.extension_range {
        let Some(bytes) = range.options.as_deref() else { continue };
        let Ok(mut options) = ExtensionRangeOptions::decode(bytes) else { continue };
        let has_custom_options = options.encoded_len() != bytes.len();
        if has_custom_options {
            continue;
        }
        options.declaration.clear();
        options.verification = None;
        let rest = options.encode_to_vec();
        range.options = Some(rest).filter(|rest| !rest.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_imported_for_their_options_come_along() {
        let file = |name: &str, imports: &[&str], option_imports: &[&str]| FileDescriptorProto {
            name: Some(name.into()),
            dependency: imports.iter().map(|&name| name.into()).collect(),
            option_dependency: option_imports.iter().map(|&name| name.into()).collect(),
            ..FileDescriptorProto::default()
        };
        let set = FileDescriptorSet {
            file: vec![
                file("base.proto", &[], &[]),
                file("options.proto", &["base.proto"], &[]),
                file("types.proto", &[], &[]),
                file("api.proto", &["types.proto"], &["options.proto"]),
                file("other.proto", &[], &[]),
            ],
        };
        let sets = Embedder::new(&set).sets(&["api.proto".to_owned()].into());
        let embedded = FileDescriptorSet::decode(&*sets["api.proto"]).unwrap();
        let names: Vec<_> = embedded.file.iter().map(FileDescriptorProto::name).collect();
        assert_eq!(names, ["types.proto", "base.proto", "options.proto", "api.proto"]);
    }
}
