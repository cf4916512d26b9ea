//! The generator's own descriptor and plugin structs are what it generates from protoc's protos;
//! `BLESS=1` makes them anew.
//!
//! They differ from the protos in one thing: fields called `options` are bytes, so that an option
//! that nobody here knows of is still there when a descriptor is encoded again.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};

const DIRECTORY: &str = "src/descriptor/protos";
const FILES: [&str; 2] =
    ["google/protobuf/descriptor.proto", "google/protobuf/compiler/plugin.proto"];

#[test]
fn the_structs_are_those_of_protocs_protos() {
    let directory = tempfile::tempdir().unwrap();
    rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .compile_well_known_types(true)
        .mock(rust_scaffold_build::Mock::Never)
        .runtime_path("crate::descriptor::protos")
        .out_dir(directory.path())
        .compile_fds(&descriptors().encode_to_vec())
        .unwrap();
    for proto in FILES {
        let name = Path::new(proto).with_extension("rs");
        let generated = fs::read_to_string(directory.path().join(&name)).unwrap();
        let path = Path::new(DIRECTORY).join(name.file_name().unwrap());
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == generated,
            "{} is not what comes out now.\n\
             If that is what you meant: BLESS=1 cargo test -p rust-scaffold-build --test descriptors",
            path.display()
        );
    }
}

fn descriptors() -> FileDescriptorSet {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("descriptors");
    let protoc = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(&output)
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .args(FILES)
        .status()
        .unwrap();
    assert!(protoc.success());
    let mut set = FileDescriptorSet::decode(fs::read(output).unwrap().as_slice()).unwrap();
    for file in &mut set.file {
        file.message_type.iter_mut().for_each(keep_options_raw);
    }
    set
}

fn keep_options_raw(message: &mut DescriptorProto) {
    message.nested_type.iter_mut().for_each(keep_options_raw);
    for field in message.field.iter_mut().filter(|field| field.name() == "options") {
        field.set_type(Type::Bytes);
        field.type_name = None;
    }
}
