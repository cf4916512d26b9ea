//! What a build script relies on.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

use rust_scaffold_build::Builder;
use tempfile::TempDir;

fn into(directory: &TempDir) -> Builder {
    rust_scaffold_build::configure().emit_rerun_if_changed(false).out_dir(directory.path())
}

fn greeter(directory: &TempDir) -> String {
    fs::read_to_string(directory.path().join("greeter.rs")).unwrap()
}

#[test]
fn files_are_written_only_when_their_bytes_change() {
    let directory = TempDir::new().unwrap();
    let build = |builder: Builder| {
        builder.compile_protos(&["../proto/greeter.proto"], &["../proto"]).unwrap();
        fs::metadata(directory.path().join("greeter.rs")).unwrap().modified().unwrap()
    };
    let first = build(into(&directory));
    assert_eq!(build(into(&directory)), first);
    assert_ne!(build(into(&directory).build_client(false)), first);
    assert!(!greeter(&directory).contains("GreeterClient"));
}

#[test]
fn a_descriptor_set_generates_what_its_protos_do() {
    let (by_protos, by_set) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    into(&by_protos).compile_protos(&["../proto/greeter.proto"], &["../proto"]).unwrap();
    let set = by_set.path().join("set");
    let status = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_source_info", "-I../proto", "../proto/greeter.proto", "-o"])
        .arg(&set)
        .status();
    assert!(status.unwrap().success());
    into(&by_set).compile_fds(&fs::read(set).unwrap()).unwrap();
    assert_eq!(greeter(&by_protos), greeter(&by_set));
}

#[test]
fn imports_are_generated_too_and_well_known_types_are_not() {
    let directory = TempDir::new().unwrap();
    let input = Path::new("../tests/golden/cross_package/input");
    into(&directory).compile_protos(&[input.join("shop/v1/order.proto")], &[input]).unwrap();
    assert!(directory.path().join("common/money.rs").exists());
    into(&directory).compile_protos(&["../proto/telemetry.proto"], &["../proto"]).unwrap();
    assert!(!directory.path().join("google").exists());
}

#[test]
fn messages_are_what_the_options_say() {
    let directory = TempDir::new().unwrap();
    into(&directory)
        .message_attribute(".greeter.HelloReply", "#[must_use]")
        .disable_comments(".")
        .enable_type_names(true)
        .type_name_domain(".", "type.example.com")
        .skip_debug("HelloRequest")
        .compile_protos(&["../proto/greeter.proto"], &["../proto"])
        .unwrap();
    let greeter = greeter(&directory);
    for part in [
        "#[must_use]\n",
        "#[prost(skip_debug)]\npub struct HelloRequest",
        "\"type.example.com/greeter.HelloReply\"",
    ] {
        assert!(greeter.contains(part), "{greeter}");
    }
}
