//! Which messages need another `Debug` than prost's.
//!
//! What prost derives for `BTreeMap` fields names the crate `prost`, wherever `prost_path` points,
//! and users have only the runtime. Such messages derive the standard library's.

use prost_types::{DescriptorProto, FileDescriptorSet};

use super::{full_name, lower::is_map_entry};

/// The full names of messages with a map that one of these paths makes a `BTreeMap`.
pub(super) fn messages_with_btree_maps(set: &FileDescriptorSet, paths: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let files = set.file.iter().filter(|_| !paths.is_empty());
    for (file, message) in files.flat_map(|file| file.message_type.iter().map(move |it| (file, it)))
    {
        collect(message, full_name(file, message.name()), paths, &mut found);
    }
    found
}

fn collect(message: &DescriptorProto, name: String, paths: &[String], found: &mut Vec<String>) {
    for nested in message.nested_type.iter().filter(|nested| !is_map_entry(nested)) {
        collect(nested, format!("{name}.{}", nested.name()), paths, found);
    }
    let has_btree_map = message.field.iter().any(|field| {
        let entry = |nested: &DescriptorProto| {
            is_map_entry(nested) && field.type_name() == format!("{name}.{}", nested.name())
        };
        let field_name = format!("{name}.{}", field.name());
        message.nested_type.iter().any(entry) && paths.iter().any(|path| matches(path, &field_name))
    });
    if has_btree_map {
        found.push(name);
    }
}

/// prost-build's rule: all, a full name, the start of one, or the end of one.
fn matches(path: &str, name: &str) -> bool {
    let starts = name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    let ends = name.strip_suffix(path).is_some_and(|rest| rest.ends_with('.'));
    path == "." || path == name || starts || ends
}
