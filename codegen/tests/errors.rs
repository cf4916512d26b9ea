//! Bad input gives one clear error with a hint, and never a panic.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use prost::Message as _;
use prost_types::{
    FileDescriptorSet,
    compiler::{CodeGeneratorRequest, CodeGeneratorResponse},
};
use rust_scaffold_build::{Builder, plugin};
use tempfile::TempDir;

#[test]
fn a_missing_file_is_named() {
    let directory = TempDir::new().unwrap();
    let text = refused(&directory, "nowhere.proto", |builder| builder);
    assert!(text.contains("nowhere.proto"), "{text}");
    assert!(text.contains("help: there is no file"), "{text}");
}

#[test]
fn a_syntax_error_is_reported_in_the_words_of_protoc() {
    let directory = with("broken.proto", "syntax = \"proto3\";\n\nmessage {\n}\n");
    let text = refused(&directory, "broken.proto", |builder| builder);
    assert!(text.contains("broken.proto:3:9: Expected message name."), "{text}");
}

#[test]
fn a_missing_import_says_where_it_was_looked_for() {
    let directory =
        with("a.proto", "syntax = \"proto3\";\n\nimport \"elsewhere/b.proto\";\nmessage A {}\n");
    let text = refused(&directory, "a.proto", |builder| builder);
    assert!(text.contains("a.proto:3:1"), "{text}");
    assert!(text.contains("help: imports are looked for in `"), "{text}");
    assert!(text.contains(directory.path().to_str().unwrap()), "{text}");
}

#[test]
fn a_file_outside_of_the_includes_says_which_they_are() {
    let (directory, other) = (with("a.proto", "syntax = \"proto3\";\n"), TempDir::new().unwrap());
    let error = rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(other.path())
        .compile_protos(&[directory.path().join("a.proto")], &[other.path()])
        .unwrap_err();
    assert!(error.to_string().contains("must hold the file"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = with("sub/a.proto", "syntax = \"proto3\";\nmessage A {}\n");
    fs::write(directory.path().join("file"), "").unwrap();

    // A regular file where a directory should be: nobody can write below it, not even root.
    let below_a_file = directory.path().join("file/out");
    let text = refused(&directory, "sub/a.proto", |builder| builder.out_dir(&below_a_file));
    assert!(text.contains("cannot create `"), "{text}");
    assert!(text.contains("help: check that the output directory may be written to"), "{text}");

    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("sub"), "").unwrap();
    let text = refused(&directory, "sub/a.proto", |builder| builder.out_dir(&out));
    assert!(text.contains("cannot create `"), "{text}");
    assert!(text.contains("help: check that the output directory may be written to"), "{text}");
}

#[test]
fn a_protoc_that_cannot_be_run_says_how_to_get_one() {
    let directory = with("a.proto", "syntax = \"proto3\";\n");
    let text = refused(&directory, "a.proto", |builder| builder.protoc("/no/such/protoc"));
    assert!(text.contains("cannot run protoc at `/no/such/protoc`"), "{text}");
    assert!(text.contains("help: set PROTOC"), "{text}");
}

#[test]
fn wrong_values_of_the_builder_are_reported_together() {
    let directory = with("a.proto", "syntax = \"proto3\";\n");
    let text = refused(&directory, "a.proto", |builder| {
        builder.extern_path("a.b", "::c").type_attribute(".", "derive(Eq)").runtime_path("::")
    });
    for part in ["`a.b` is not a full proto name", "`derive(Eq)` is not", "`::` is not a Rust path"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn unknown_options_and_wrong_values_of_the_plugin_are_reported() {
    let request = |parameter: &str| respond(&request("calculator.proto", parameter));
    assert!(request("servers").contains("unknown option `servers`"));
    assert!(request("servers").contains("the options are build_server, build_client"));
    assert!(request("build_server=no").contains("takes `true` or `false`, not `no`"));
    assert!(request("protoc=protoc").contains("run the protoc of your choice"));
}

#[test]
fn a_type_that_nobody_generates_is_an_error_where_the_tree_needs_it() {
    let directory = with(
        "b.proto",
        "syntax = \"proto3\";\npackage b;\nimport \"a.proto\";\nmessage B {\n  a.A a = 1;\n}\n",
    );
    fs::write(directory.path().join("a.proto"), "syntax = \"proto3\";\npackage a;\nmessage A {}\n")
        .unwrap();
    let mut request = load(&directory.path().join("b.proto"));
    assert_eq!(respond(&request), "");
    request.parameter = Some("include_file=mod.rs".to_owned());
    let text = respond(&request);
    assert!(text.contains("b.proto:5:3: field `b.B.a` uses `a.A` of a.proto"), "{text}");
    assert!(text.contains("`extern_path=.a=::some_crate`"), "{text}");
    request.parameter = Some("include_file=mod.rs,extern_path=.a=::other".to_owned());
    assert_eq!(respond(&request), "");
}

#[test]
fn a_set_that_lacks_an_import_is_an_error() {
    let mut request = request("telemetry.proto", "");
    request.proto_file.retain(|file| file.name() == "telemetry.proto");
    let text = respond(&request);
    assert!(text.contains("uses `google.protobuf.Duration`, which no file"), "{text}");
    request.proto_file.clear();
    assert!(respond(&request).contains("telemetry.proto: the request does not hold this file"));
}

#[test]
fn descriptors_without_source_info_generate_the_same_but_for_comments() {
    let mut request = request("telemetry.proto", "");
    for file in &mut request.proto_file {
        file.source_code_info = None;
    }
    assert_eq!(respond(&request), "");
}

#[test]
fn a_name_that_leaves_the_output_directory_is_refused() {
    let mut request = request("greeter.proto", "");
    for name in ["../greeter.proto", "/greeter.proto", "a//b.proto", "a\\b.proto"] {
        request.file_to_generate = vec![name.to_owned()];
        request.proto_file[0].name = Some(name.to_owned());
        let text = respond(&request);
        assert!(text.contains("must be a path below an include directory"), "{name}: {text}");
    }
}

#[test]
fn garbage_on_stdin_is_an_error_on_stderr() {
    for garbage in [&b"this is no request"[..], b"", b"\xff\xff\xff\xff"] {
        let mut plugin = Command::new(env!("CARGO_BIN_EXE_protoc-gen-rust-scaffold"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        plugin.stdin.take().unwrap().write_all(garbage).unwrap();
        let output = plugin.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        assert!(text.contains("stdin holds no request of protoc"), "{text}");
        assert!(text.contains("help: protoc starts this program"), "{text}");
    }
}

#[test]
fn a_request_may_end_anywhere() {
    let request = request("telemetry.proto", "file_descriptor_set").encode_to_vec();
    for length in 0..request.len() {
        // An answer or an error, whichever: no panic is all that is asked.
        let _ = plugin::respond(&request[..length]);
    }
}

#[test]
fn errors_print_as_they_read() {
    let error = plugin::respond(b"").unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}

/// A directory with one proto file in it.
fn with(name: &str, content: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    directory
}

/// The text with which the builder refuses a file of a directory.
fn refused(directory: &TempDir, name: &str, change: impl FnOnce(Builder) -> Builder) -> String {
    let builder = rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(directory.path().join("."));
    let proto = directory.path().join(name);
    change(builder).compile_protos(&[proto], &[directory.path()]).unwrap_err().to_string()
}

/// What protoc would ask the plugin about one of the project's contracts.
fn request(name: &str, parameter: &str) -> CodeGeneratorRequest {
    let mut request = load(&Path::new("../proto").join(name));
    request.parameter = Some(parameter.to_owned());
    request
}

fn load(proto: &Path) -> CodeGeneratorRequest {
    let directory = TempDir::new().unwrap();
    let output = directory.path().join("set");
    let status = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(&output)
        .arg("-I")
        .arg(proto.parent().unwrap())
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .arg(proto)
        .status();
    assert!(status.unwrap().success());
    let set = FileDescriptorSet::decode(fs::read(output).unwrap().as_slice()).unwrap();
    CodeGeneratorRequest {
        file_to_generate: vec![proto.file_name().unwrap().to_str().unwrap().to_owned()],
        proto_file: set.file,
        ..CodeGeneratorRequest::default()
    }
}

/// The error in the plugin's response, or an empty text.
fn respond(request: &CodeGeneratorRequest) -> String {
    let reply = plugin::respond(&request.encode_to_vec()).unwrap();
    let response = CodeGeneratorResponse::decode(reply.response.as_slice()).unwrap();
    assert_ne!(response.error.is_some(), !response.file.is_empty());
    response.error.unwrap_or_default()
}
