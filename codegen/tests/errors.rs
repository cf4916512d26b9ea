//! Bad input gives one clear error with a hint, and never a panic.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
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
fn an_error_in_an_import_does_not_send_one_to_the_include_directories() {
    let directory = with("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n");
    fs::write(directory.path().join("b.proto"), "syntax = \"proto3\";\nmesage B {}\n").unwrap();
    let text = refused(&directory, "a.proto", |builder| builder);
    assert!(text.contains("b.proto:2:1"), "{text}");
    assert!(!text.contains("help:"), "{text}");
}

#[test]
fn an_error_beside_a_well_known_proto_is_not_about_that() {
    let directory = with("a.proto", "syntax = \"proto3\";\nmesage A {}\n");
    let protos = [directory.path().join("a.proto"), "google/protobuf/any.proto".into()];
    let text = refused_in(&[directory.path()], &protos, |builder| builder);
    assert!(text.contains("a.proto:2:1"), "{text}");
    assert!(!text.contains("help:"), "{text}");
}

#[test]
fn include_directories_are_named_however_protoc_got_them_and_whether_they_are_there() {
    let directory = with("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n");
    let other = TempDir::new().unwrap();
    let includes = [directory.path(), Path::new("not/there")];
    let text = refused_in(&includes, &[directory.path().join("a.proto")], |builder| {
        builder.protoc_arg(format!("-I{}", other.path().display()))
    });
    let (own, other) = (directory.path().display(), other.path().display());
    let help = format!(
        "help: imports are looked for in `{own}`, `{other}`, `not/there` (which is not there)"
    );
    assert!(text.contains(&help), "{text}");

    fs::write(directory.path().join("b.proto"), "syntax = \"proto3\";\n").unwrap();
    let text = refused_in(&includes, &["c.proto".into()], |builder| builder);
    assert!(text.contains("help: there is no file `c.proto`"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_colon_in_a_path_is_what_is_to_be_changed() {
    let directory = with("v:1/a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n");
    fs::write(directory.path().join("v:1/b.proto"), "syntax = \"proto3\";\n").unwrap();
    let include = directory.path().join("v:1");
    let protos = [include.join("a.proto"), "a.proto".into(), directory.path().join("v:1/c.proto")];
    for proto in protos {
        let text = refused_in(&[&include], &[proto], |builder| builder);
        let help = format!(
            "help: protoc takes `:` for the end of a directory, so that it cannot look in `{}`: rename",
            include.display()
        );
        assert!(text.contains(&help), "{text}");
    }
}

#[test]
fn a_file_that_two_include_directories_reach_is_told_with_both_of_its_names() {
    let directory = with("shop/money.proto", "syntax = \"proto3\";\nmessage Money {}\n");
    let user =
        "syntax = \"proto3\";\nimport \"shop/money.proto\";\nmessage Order {\n  Money a = 1;\n}\n";
    fs::write(directory.path().join("order.proto"), user).unwrap();
    let (root, shop) = (directory.path(), directory.path().join("shop"));
    let named = |protos: [&str; 2]| protos.map(|proto| root.join(proto));
    let by_both = [
        refused_in(&[&*shop, root], &named(["order.proto", "shop/money.proto"]), |it| it),
        refused_in(&[&*shop, root], &named(["shop/money.proto", "order.proto"]), |it| it),
        refused_in(&[root, &*shop], &[root.join("order.proto"), "money.proto".into()], |it| it),
    ];
    for text in by_both {
        assert!(text.contains("is already defined"), "{text}");
        assert!(
            text.contains("shop/money.proto` is one file that is read by several names"),
            "{text}"
        );
        for (name, root) in [("shop/money.proto", root), ("money.proto", &*shop)] {
            assert!(text.contains(&format!("`{name}` in `{}`", root.display())), "{text}");
        }
        assert!(!text.contains("is a directory missing"), "{text}");
    }
}

#[test]
fn a_type_of_two_files_asks_whether_one_is_a_copy() {
    let money = "syntax = \"proto3\";\nmessage Money {}\n";
    let directory = with("money.proto", money);
    fs::write(directory.path().join("copy.proto"), money).unwrap();
    let protos = ["money.proto", "copy.proto"].map(|name| directory.path().join(name));
    let text = refused_in(&[directory.path()], &protos, |builder| builder);
    assert!(text.contains("copy.proto` is a copy of `"), "{text}");
    assert!(text.contains("if not, rename one of the two"), "{text}");
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
    refused_in(&[directory.path()], &[directory.path().join(name)], |builder| {
        change(builder.out_dir(directory.path().join(".")))
    })
}

/// The text with which the builder refuses some files that it is to find in these directories.
fn refused_in(
    includes: &[impl AsRef<Path>],
    protos: &[PathBuf],
    change: impl FnOnce(Builder) -> Builder,
) -> String {
    let out = TempDir::new().unwrap();
    let builder = rust_scaffold_build::configure().emit_rerun_if_changed(false).out_dir(out.path());
    change(builder).compile_protos(protos, includes).unwrap_err().to_string()
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
