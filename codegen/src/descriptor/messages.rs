//! The messages, written by prost-build.
//!
//! prost-build escapes comments with patterns of its own that break code spans and links. So it
//! only sees a marker where a comment stands, and [`crate::format`] puts our lines there.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use prost_build::{Config, Module};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, SourceCodeInfo,
    source_code_info::Location,
};

use super::{debug, source_info::SourceInfo};
use crate::{
    error::Error,
    format,
    options::{Options, Pair},
};

/// What a build script does to prost-build's own configuration.
pub(crate) type Customize = Box<dyn FnOnce(&mut Config)>;

/// The text of the messages of each wanted file, by the file's name.
pub(crate) fn messages(
    set: FileDescriptorSet,
    wanted: &BTreeSet<String>,
    options: &Options,
    customize: Option<Customize>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut config = configure(options);
    for message in debug::messages_with_btree_maps(&set, &options.btree_map) {
        config
            .skip_debug([&message])
            .message_attribute(&message, "#[derive(Debug)]")
            .enum_attribute(&message, "#[derive(Debug)]");
    }
    let mut docs = Vec::new();
    let requests = set.file.into_iter().map(|file| {
        // A module of its own for each file gives a text of its own for each; paths of types
        // come from packages, so the name of the module shows nowhere.
        let module = Module::from_parts([file.name()]);
        let is_wanted = wanted.contains(file.name());
        (module, prepare(file, is_wanted, &mut docs))
    });
    let requests = requests.collect();
    if let Some(customize) = customize {
        customize(&mut config);
    }
    let texts = catch_unwind(AssertUnwindSafe(|| config.generate(requests)))
        .map_err(|panic| Error::Messages(panic_text(panic.as_ref())))?
        .map_err(|error| Error::Messages(error.to_string()))?;
    let name = |module: &Module| module.parts().collect::<String>();
    let texts = texts.iter().map(|(module, text)| (name(module), text));
    Ok(texts
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, text)| (name, format::messages(text, &docs)))
        .collect())
}

fn configure(options: &Options) -> Config {
    let mut config = Config::new();
    config
        .prost_path(format!("{}::prost", options.runtime_path))
        .prost_types_path(format!("{}::prost_types", options.runtime_path))
        .bytes(&options.bytes)
        .btree_map(&options.btree_map);
    for path in &options.boxed {
        config.boxed(path);
    }
    for Pair { proto, rust } in &options.extern_path {
        config.extern_path(proto, rust);
    }
    for Pair { proto, rust } in &options.type_attribute {
        config.type_attribute(proto, rust);
    }
    for Pair { proto, rust } in &options.field_attribute {
        config.field_attribute(proto, rust);
    }
    if options.compile_well_known_types {
        config.compile_well_known_types();
    }
    config
}

/// The file as prost-build gets it: with a marker for each comment, and of files that are not
/// wanted only what the graph of messages needs.
fn prepare(
    file: FileDescriptorProto,
    wanted: bool,
    docs: &mut Vec<Vec<String>>,
) -> FileDescriptorProto {
    let source = SourceInfo::new(&file);
    let mut location = |path: Vec<i32>| {
        let lines = if wanted { source.docs(&path) } else { Vec::new() };
        let leading_comments = (!lines.is_empty()).then(|| format::doc_marker(docs.len()));
        if leading_comments.is_some() {
            docs.push(lines);
        }
        Location { path, leading_comments, ..Location::default() }
    };
    let location = item_paths(&file).into_iter().map(&mut location).collect();
    FileDescriptorProto {
        source_code_info: Some(SourceCodeInfo { location }),
        // Only the text of an editions file would need its features.
        syntax: if wanted { file.syntax } else { Some("proto3".to_owned()) },
        package: file.package.filter(|package| !package.is_empty()),
        service: Vec::new(),
        ..file
    }
}

/// The descriptor paths of everything for which prost-build looks for a comment.
fn item_paths(file: &FileDescriptorProto) -> Vec<Vec<i32>> {
    let mut paths = Vec::new();
    for (message, index) in file.message_type.iter().zip(0..) {
        message_paths(message, vec![4, index], &mut paths);
    }
    for (it, index) in file.enum_type.iter().zip(0..) {
        enum_paths(it, vec![5, index], &mut paths);
    }
    paths
}

fn message_paths(message: &DescriptorProto, path: Vec<i32>, paths: &mut Vec<Vec<i32>>) {
    let below = |number, index| [path.as_slice(), &[number, index]].concat();
    for (nested, index) in message.nested_type.iter().zip(0..) {
        message_paths(nested, below(3, index), paths);
    }
    for (it, index) in message.enum_type.iter().zip(0..) {
        enum_paths(it, below(4, index), paths);
    }
    paths.extend((0..).zip(&message.field).map(|(index, _)| below(2, index)));
    paths.extend((0..).zip(&message.oneof_decl).map(|(index, _)| below(8, index)));
    paths.push(path);
}

fn enum_paths(it: &EnumDescriptorProto, path: Vec<i32>, paths: &mut Vec<Vec<i32>>) {
    let values = (0..).zip(&it.value);
    paths.extend(values.map(|(index, _)| [path.as_slice(), &[2, index]].concat()));
    paths.push(path);
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
