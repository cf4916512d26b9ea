//! What a build script relies on.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use rust_scaffold_build::{Builder, Mock};
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

/// Services that all make requests of the same messages, in a file of their own or one for each.
fn services(count: usize, messages: usize, in_files: bool) -> TempDir {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let head = "syntax = \"proto3\";\npackage shop;\n";
        fs::write(directory.path().join(name), format!("{head}{text}")).unwrap();
    };
    let chain = |index| match index {
        0 => "message M0 { string a = 1; oneof b { int32 c = 2; bytes d = 3; } }\n".to_owned(),
        _ => format!("message M{index} {{ M{} e = 1; map<string, M0> f = 2; }}\n", index - 1),
    };
    let root = format!("message Root {{ M{} top = 1; }}\n", messages - 1);
    let messages = (0..messages).map(chain).collect::<String>() + &root;
    let service = |index| format!("service S{index} {{ rpc Get(Root) returns (M0); }}\n");
    let import = "import \"messages.proto\";\n";
    write("messages.proto", &messages);
    match in_files {
        false => {
            let services = (0..count).map(service).collect::<String>();
            write("services.proto", &format!("{import}{services}"));
        }
        true => {
            for index in 0..count {
                write(&format!("s{index}.proto"), &format!("{import}{}", service(index)));
            }
        }
    }
    directory
}

/// Generates protos of a directory, and returns all that is written, file by file.
fn generated(protos: &TempDir, into: &TempDir, names: &[String]) -> BTreeMap<String, String> {
    let paths = names.iter().map(|name| protos.path().join(name)).collect::<Vec<_>>();
    self::into(into).mock(Mock::Always).compile_protos(&paths, &[protos.path()]).unwrap();
    let files = fs::read_dir(into.path()).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

fn names(protos: &TempDir) -> Vec<String> {
    let files = fs::read_dir(protos.path()).unwrap();
    files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_message_has_one_matcher_however_many_services_make_requests_of_it() {
    for in_files in [false, true] {
        let size = |services_count, messages| {
            let (protos, out) =
                (services(services_count, messages, in_files), TempDir::new().unwrap());
            let files = generated(&protos, &out, &names(&protos));
            let matchers = files.values().map(|text| text.matches("matcher! {").count());
            assert_eq!(matchers.sum::<usize>(), messages + 1);
            // Descriptors aside: each file with services has those of its imports, as bytes.
            let lines = files.values().flat_map(|text| text.lines());
            let code = lines.filter(|line| !line.trim_start().starts_with("b\""));
            code.map(str::len).sum::<usize>()
        };
        // What a service adds does not depend on how many messages its requests are made of.
        let (few, many) = (size(2, 10), size(12, 10));
        assert_eq!(many - few, size(12, 60) - size(2, 60));
    }
}

#[test]
fn files_that_separate_runs_write_into_one_directory_fit_together() {
    let protos = services(3, 10, true);
    let (at_once, apart) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let expected = generated(&protos, &at_once, &names(&protos));
    for name in names(&protos) {
        generated(&protos, &apart, &[name]);
    }
    assert_eq!(generated(&protos, &apart, &["s0.proto".to_owned()]), expected);
}
