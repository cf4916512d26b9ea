//! What users read when something is wrong: every text has a golden in `tests/texts`, which
//! `BLESS=1` accepts.

#![allow(clippy::unwrap_used)]

mod http_rules;

use std::{fs, path::Path, process::Command};

use prost::Message as _;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet,
    compiler::{CodeGeneratorRequest, CodeGeneratorResponse},
};
use rust_scaffold_build::plugin;

#[test]
fn wrong_options() {
    let shop = || request(&[("shop.proto", SHOP)]);
    for (name, parameter) in [
        ("unknown_option", "build_servers=false"),
        ("wrong_switch", "build_server=no"),
        ("wrong_mock", "mock=sometimes"),
        ("missing_value", "extern_path"),
        ("unclosed_bracket", "type_attribute=.=#[derive(Eq"),
        ("option_of_build_scripts", "out_dir=src"),
        (
            "wrong_paths",
            "extern_path=a.b=::c,extern_path=.x=1+,runtime_path=::,type_attribute=.=Eq",
        ),
        ("extern_path_twice", "extern_path=.a=::b,extern_path=.a=::c"),
        ("wrong_codec_path", "codec_path=.shop=My Codec"),
        ("wrong_extern_traits", "extern_traits=.a=Eq + Ord"),
        ("include_file_outside", "include_file=../mod.rs"),
        ("include_file_of_a_proto", "include_file=shop.rs"),
    ] {
        check(name, &CodeGeneratorRequest { parameter: Some(parameter.to_owned()), ..shop() });
    }
}

#[test]
fn types_from_nowhere() {
    let import = "syntax = \"proto3\";\npackage common;\nmessage Money {}\n";
    let user = "syntax = \"proto3\";\npackage shop;\nimport \"common.proto\";\n\
                message Order {\n  common.Money price = 1;\n}\n\
                service Shop {\n  rpc Pay(common.Money) returns (Order);\n}\n";
    let tree = Some("include_file=mod.rs".to_owned());
    let mut request = request(&[("shop.proto", user), ("common.proto", import)]);
    request.file_to_generate.retain(|name| name == "shop.proto");
    request.parameter.clone_from(&tree);
    check("not_generated", &request);
    request.proto_file.retain(|file| file.name() == "shop.proto");
    check("not_declared", &request);
    request.file_to_generate.push("nowhere.proto".to_owned());
    check("not_in_the_request", &request);
    let feature = "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\n\
                   message M {\n  google.protobuf.FeatureSet features = 1;\n}\n";
    let mut request = self::request(&[("m.proto", feature)]);
    request.parameter.clone_from(&tree);
    check("newer_than_prost_types", &request);
    request.parameter = Some("include_file=mod.rs,compile_well_known_types".to_owned());
    request.file_to_generate.retain(|name| name == "m.proto");
    check("well_known_not_generated", &request);
}

#[test]
fn later_editions() {
    let mut file = descriptors(&[("later.proto", SHOP)]).file.remove(0);
    file.syntax = Some("editions".to_owned());
    let edition = |number: u64| {
        let mut bytes = file.encode_to_vec();
        // The field `edition`, which these structs do not know.
        bytes.push(14 << 3);
        prost::encoding::encode_varint(number, &mut bytes);
        let mut request = Vec::new();
        prost::encoding::string::encode(1, &"later.proto".to_owned(), &mut request);
        prost::encoding::bytes::encode(15, &bytes, &mut request);
        request
    };
    check_bytes("edition_unstable", &edition(9999));
    check_bytes("edition_of_next_year", &edition(1003));
    check_bytes("edition_of_tomorrow", &edition(1234));
}

/// What no protoc writes, but something in its place may.
#[test]
fn broken_descriptors() {
    type Change = fn(&mut FileDescriptorProto);
    let changes: [(&str, Change); 9] = [
        ("declared_twice", |file| {
            let again = file.message_type[0].clone();
            file.message_type.push(again);
        }),
        ("no_such_oneof", |file| file.message_type[0].field[0].oneof_index = Some(7)),
        ("wrong_name", |file| file.message_type[0].name = Some("a b".to_owned())),
        ("wrong_field_name", |file| file.message_type[0].field[0].name = None),
        ("wrong_package", |file| file.package = Some("a..b".to_owned())),
        ("empty_enum", |file| file.enum_type[0].value.clear()),
        ("message_for_an_enum", |file| {
            file.message_type[0].field[1].type_name = Some(".shop.Order".to_owned());
        }),
        ("wrong_file_name", |file| file.name = Some("../shop.proto".to_owned())),
        ("wrong_rpc_name", |file| file.service[0].method[0].name = Some("Get!".to_owned())),
    ];
    for (name, change) in changes {
        let mut request = request(&[("shop.proto", SHOP)]);
        change(&mut request.proto_file[0]);
        request.file_to_generate = vec![request.proto_file[0].name().to_owned()];
        check(name, &request);
    }
    let mut request = request(&[("shop.proto", SHOP), ("shop", SHOP_TOO)]);
    check("same_output", &request);
    request.file_to_generate.clear();
    check("nothing_to_generate", &request);
    check_bytes("no_request", b"\xff");
}

#[test]
fn renamed() {
    let protos = ["names", "clashes", "mocks", "keywords", "repairs", "decorators"];
    for case in protos {
        let directory = Path::new("../tests/golden").join(case).join("input");
        let mut protos = Vec::new();
        collect(&directory, &directory, &mut protos);
        let protos = protos.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let request = request(&protos.collect::<Vec<_>>());
        let options = fs::read_to_string(Path::new("../tests/golden").join(case).join("options"));
        let parameter = options.ok().map(|options| options.lines().collect::<Vec<_>>().join(","));
        check(&format!("renamed_{case}"), &CodeGeneratorRequest { parameter, ..request });
    }
}

#[test]
fn clashes_in_imports_are_for_those_who_generate_them() {
    let import = "syntax = \"proto3\";\npackage a;\nmessage foo_bar {}\nmessage FooBar {}\n";
    let user = "syntax = \"proto3\";\nimport \"a.proto\";\nmessage M {\n  a.FooBar field = 1;\n}\n";
    let mut request = request(&[("a.proto", import), ("m.proto", user)]);
    check("clash", &request);
    request.file_to_generate.remove(0);
    check("clash_in_an_import", &request);
}

#[test]
fn messages_that_are_too_deep_for_rustc() {
    let messages = (0..150).map(|at| format!("message M{at} {{\n  M{} next = 1;\n}}\n", at + 1));
    let messages = messages.collect::<String>();
    let deep = format!("syntax = \"proto3\";\n{messages}message M150 {{}}\n");
    check("too_deep", &request(&[("deep.proto", &deep)]));
    let messages =
        (0..60).map(|at| format!("message M{at} {{\n  map<int32, M{}> a = 1;\n}}\n", at + 1));
    let messages = messages.collect::<String>();
    let deep = format!("syntax = \"proto3\";\n{messages}message M60 {{}}\n");
    let mut request = request(&[("deep.proto", &deep)]);
    request.parameter = Some("btree_map=.".to_owned());
    check("too_deep_in_btree_maps", &request);
}

fn collect(root: &Path, directory: &Path, protos: &mut Vec<(String, String)>) {
    let mut paths =
        fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()).collect::<Vec<_>>();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, protos);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            protos.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

const SHOP: &str = "syntax = \"proto3\";\n\npackage shop;\n\n\
    message Order {\n  string id = 1;\n  Size size = 2;\n}\n\n\
    enum Size {\n  SIZE_UNSPECIFIED = 0;\n}\n\n\
    service Shop {\n  rpc Get(Order) returns (Order);\n}\n";

const SHOP_TOO: &str = "syntax = \"proto3\";\n\npackage shop.too;\n";

fn request(protos: &[(&str, &str)]) -> CodeGeneratorRequest {
    CodeGeneratorRequest {
        file_to_generate: protos.iter().map(|(name, _)| (*name).to_owned()).collect(),
        proto_file: descriptors(protos).file,
        ..CodeGeneratorRequest::default()
    }
}

fn descriptors(protos: &[(&str, &str)]) -> FileDescriptorSet {
    FileDescriptorSet::decode(encoded_descriptors(protos).as_slice()).unwrap()
}

/// With the custom options, which the structs do not keep.
fn encoded_descriptors(protos: &[(&str, &str)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in protos {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = directory.path().join("descriptors");
    let finished = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(&output)
        .arg("-I")
        .arg(directory.path())
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .args(protos.iter().map(|(name, _)| name))
        .output()
        .unwrap();
    assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
    fs::read(output).unwrap()
}

fn check(name: &str, request: &CodeGeneratorRequest) {
    check_bytes(name, &request.encode_to_vec());
}

/// Compares what the plugin says with its golden.
fn check_bytes(name: &str, request: &[u8]) {
    let text = said(request);
    let golden = Path::new("tests/texts").join(name).with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all("tests/texts").unwrap();
        fs::write(&golden, format!("{text}\n")).unwrap();
    }
    assert_eq!(fs::read_to_string(&golden).unwrap_or_default(), format!("{text}\n"), "{name}");
}

/// The warnings and the error of the plugin.
fn said(request: &[u8]) -> String {
    match plugin::respond(request) {
        Ok(reply) => {
            let response = CodeGeneratorResponse::decode(reply.response.as_slice()).unwrap();
            assert_ne!(response.error.is_some(), !response.file.is_empty(), "{:?}", response.error);
            let warnings = reply.warnings.into_iter().map(|warning| format!("warning: {warning}"));
            warnings.chain(response.error).collect::<Vec<_>>().join("\n")
        }
        Err(error) => error.to_string(),
    }
}
