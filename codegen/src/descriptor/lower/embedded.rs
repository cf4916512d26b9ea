//! The descriptors that generated code carries for reflection.

use std::collections::{BTreeSet, HashMap};

use prost::Message as _;

use crate::descriptor::protos::{
    DescriptorProto, ExtensionRangeOptions, FileDescriptorProto, FileDescriptorSet,
};

/// The encoded sets of the wanted files, by their names.
pub(super) fn sets(set: &FileDescriptorSet, wanted: &BTreeSet<String>) -> HashMap<String, Vec<u8>> {
    let by_name = set.file.iter().map(|file| (file.name(), file)).collect::<HashMap<_, _>>();
    let wanted = set.file.iter().filter(|file| wanted.contains(file.name()));
    wanted.map(|file| (file.name().to_owned(), with_imports(file, &by_name))).collect()
}

/// A file after everything that it imports, as an encoded set without comments and places.
fn with_imports(
    file: &FileDescriptorProto,
    by_name: &HashMap<&str, &FileDescriptorProto>,
) -> Vec<u8> {
    let mut set = FileDescriptorSet::default();
    let mut seen = BTreeSet::new();
    // A file is pushed twice: to look at its imports first, and then to be taken.
    let mut stack = vec![(file, false)];
    while let Some((file, imports_are_done)) = stack.pop() {
        if imports_are_done {
            let mut file = FileDescriptorProto { source_code_info: None, ..file.clone() };
            file.message_type.iter_mut().for_each(drop_declarations);
            set.file.push(file);
        } else if seen.insert(file.name()) {
            stack.push((file, true));
            let imports = file.dependency.iter().rev();
            stack.extend(imports.filter_map(|name| Some((*by_name.get(name.as_str())?, false))));
        }
    }
    set.encode_to_vec()
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
