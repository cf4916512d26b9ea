//! `cargo scaffold breaking`

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::project::{Project, Ran};

const THEN: &str = "syntax = \"proto3\";\npackage shop;\n\
                    message Order {\n  string name = 1;\n  int32 price = 2;\n}\n\
                    service Orders {\n  rpc Get(Order) returns (Order);\n}\n";
const NOW: &str = "syntax = \"proto3\";\npackage shop;\n\
                   message Order {\n  string name = 1;\n  string cost = 2;\n}\n\
                   service Orders {\n  rpc Get(Order) returns (stream Order);\n}\n";
const REPORT: &str = "\
error: wire: field 2 `shop.Order.price` was `int32`, and is `string` (FIELD_WIRE_COMPATIBLE_TYPE)
  --> proto/shop.proto:5:3
  help: add a field, and deprecate this one
error: grpc: the response of rpc `shop.Orders/Get` was one message, and is a stream (RPC_SAME_SERVER_STREAMING)
  --> proto/shop.proto:8:3
  help: add an rpc, and deprecate this one
error: json: field 2 `shop.Order.price` is `cost` now (FIELD_SAME_NAME)
  --> proto/shop.proto:5:3
  help: keep the name, or add a field and deprecate this one
";

fn shop() -> Project {
    Project::new(&[("proto/shop.proto", NOW), ("then/shop.proto", THEN)])
}

/// Runs git in a project, as nobody in particular.
fn git(project: &Project, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]);
    let output = command.args(arguments).current_dir(project.path("")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A project under git whose protos have changed since the commit.
fn committed(files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "--message=then"]);
    project
}

/// The codes that are reported, by the stems of the files that they are reported in.
fn codes(ran: &Ran) -> BTreeMap<String, BTreeSet<String>> {
    let mut codes = BTreeMap::<_, BTreeSet<_>>::new();
    for line in ran.stdout.lines() {
        let object = serde_json::from_str::<Value>(line).unwrap();
        if let (Some(path), Some(code)) = (object["path"].as_str(), object["code"].as_str()) {
            let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
            codes.entry(stem.to_owned()).or_default().insert(code.to_owned());
        }
    }
    codes
}

/// The cases are those that `tests/buf/breaking.py` gives to buf, which has to agree.
#[test]
fn every_case_is_reported_by_its_codes() {
    let text = fs::read_to_string("../tests/buf/breaking.txt").unwrap();
    let project = Project::new(&[]);
    let mut expected = BTreeMap::new();
    for case in text.split("\n== ").skip(1) {
        let (name, lines) = case.split_once('\n').unwrap();
        let (mut head, mut then, mut now) = ("syntax = \"proto3\";", Vec::new(), Vec::new());
        for line in lines.lines().filter(|line| !line.starts_with("buf ")) {
            let is_codes = |line: &str| {
                line.chars().all(|it| it.is_ascii_uppercase() || it == '_' || it == ' ')
            };
            if line.starts_with("syntax") || line.starts_with("edition") {
                head = line;
            } else if let Some(line) = line.strip_prefix('-') {
                then.push(line);
            } else if let Some(line) = line.strip_prefix('+') {
                now.push(line);
            } else if !line.is_empty() && is_codes(line) {
                let codes = line.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
                expected.insert(name.to_owned(), codes);
            } else {
                then.push(line);
                now.push(line);
            }
        }
        for (side, lines) in [("then", then), ("proto", now)] {
            let proto = format!("{head}\npackage {name};\n{}\n", lines.join("\n"));
            project.write(&format!("{side}/{name}.proto"), &proto);
        }
    }
    assert!(expected.len() > 20, "the cases are not where this test looks for them");
    let classes = ["--class", "wire,grpc,json", "--message-format", "json"];
    let ran = project.run(&[&["breaking", "--against", "then"], &classes[..]].concat()).exits(1);
    assert_eq!(codes(&ran), expected);
}

#[test]
fn a_report_says_what_where_and_what_to_do_and_the_worst_first() {
    let ran = shop().run(&["breaking", "--against", "then"]).exits(1);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", REPORT));
}

#[test]
fn what_breaks_nothing_says_nothing() {
    let ran = shop().run(&["breaking", "--against", "proto"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn classes_can_be_chosen() {
    let project = shop();
    let ran = project.run(&["breaking", "--against", "then", "--class", "json"]).exits(1);
    assert_eq!(ran.stderr, REPORT[REPORT.find("error: json").unwrap()..]);
    let ran = project.run(&["breaking", "--against", "then", "--class", "wire,grpc"]).exits(1);
    assert_eq!(ran.stderr, REPORT[..REPORT.find("error: json").unwrap()]);
    project.run(&["breaking", "--against", "then", "--class", "soap"]).exits(2);
}

#[test]
fn a_revision_is_compared_without_touching_the_working_tree_or_the_index() {
    let project = committed(&[("proto/shop.proto", THEN), ("src/main.rs", "fn main() {}\n")]);
    project.write("proto/shop.proto", NOW);
    project.write("src/main.rs", "fn main() {\n}\n");
    git(&project, &["add", "src/main.rs"]);
    let status = git(&project, &["status", "--porcelain"]);
    let index = fs::read(project.path(".git/index")).unwrap();
    let ran = project.run(&["breaking", "--against", "HEAD"]).exits(1);
    assert_eq!(ran.stderr, REPORT);
    assert_eq!(fs::read(project.path(".git/index")).unwrap(), index);
    assert_eq!(git(&project, &["status", "--porcelain"]), status);
    assert_eq!(project.read("proto/shop.proto"), NOW);
}

/// In a hook, git's environment says which repository it is, though not where its top is.
#[test]
fn a_hook_of_git_may_run_it() {
    let manifest = shop().read("Cargo.toml");
    let project = committed(&[
        ("sub/Cargo.toml", &manifest),
        ("sub/src/lib.rs", ""),
        ("sub/proto/shop.proto", THEN),
    ]);
    project.write("sub/proto/shop.proto", NOW);
    let mut command = project.command(&["breaking", "--against", "HEAD"]);
    command.current_dir(project.path("sub")).env("GIT_DIR", project.path(".git"));
    command.env("GIT_INDEX_FILE", project.path(".git/index")).env("GIT_PREFIX", "sub/");
    let ran = Ran::from(command.output().unwrap()).exits(1);
    assert_eq!(ran.stderr, REPORT);
}

/// The build script of then says which protos there were.
#[test]
fn what_is_gone_is_reported_where_it_was() {
    let build_script = |protos: &str| {
        format!(
            "fn main() {{ rust_scaffold_build::configure()\
             .compile_protos(&[{protos}], &[\"api\"]).unwrap(); }}\n"
        )
    };
    let [both, one] =
        ["\"api/shop.proto\", \"api/other.proto\"", "\"api/other.proto\""].map(build_script);
    let other = "syntax = \"proto3\";\npackage other;\nmessage M {}\n";
    let files = [("api/shop.proto", THEN), ("api/other.proto", other), ("build.rs", &*both)];
    let project = committed(&files);
    project.write("build.rs", &one);
    project.remove("api/shop.proto");
    let ran = project.run(&["breaking", "--against", "HEAD"]).exits(1);
    let place = "error: grpc: service `shop.Orders` is gone (PACKAGE_SERVICE_NO_DELETE)\n  --> HEAD:api/shop.proto:7:1\n";
    assert!(ran.stderr.starts_with(place), "{}", ran.stderr);
    let message = "error: rust: message `shop.Order` is gone (PACKAGE_MESSAGE_NO_DELETE)\n  --> HEAD:api/shop.proto:3:1\n";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("error").count(), 2, "{}", ran.stderr);
}

#[test]
fn arguments_name_the_protos_of_both_sides() {
    let project = committed(&[("api/v1/shop.proto", THEN), ("other/src/lib.rs", "")]);
    project.write("api/v1/shop.proto", NOW);
    project.write("api/v1/new.proto", "syntax = \"proto3\";\npackage new;\n");
    for protos in [&["api"][..], &["-I", "api", "v1/shop.proto"], &["api/v1/new.proto", "api"]] {
        let ran = project.run(&[&["breaking", "--against", "HEAD"], protos].concat()).exits(1);
        assert_eq!(ran.stderr, REPORT.replace("proto/", "api/v1/"), "{protos:?}");
    }
    project.run(&["breaking", "--against", "HEAD", "api/v1/new.proto"]).exits(0);
    let path = project.path("api");
    let ran = project.run_in("other", &["breaking", "--against", "HEAD", path.to_str().unwrap()]);
    assert_eq!(ran.stderr.matches("error").count(), 3, "{}", ran.stderr);
}

#[test]
fn a_package_elsewhere_is_read_as_it_says() {
    let project = shop();
    let settings = "\n[package.metadata.scaffold]\nprotos = [\"api\"]\n";
    let manifest = project.read("Cargo.toml") + settings;
    let then = Project::new(&[("api/shop.proto", THEN), ("Cargo.toml", &manifest)]);
    let path = then.path("");
    let ran = project.run(&["breaking", "--against", path.to_str().unwrap()]).exits(1);
    assert_eq!(ran.stderr, REPORT);
}

#[test]
fn a_descriptor_set_is_compared() {
    let project = shop();
    let protoc = protoc_bin_vendored::protoc_bin_path().unwrap();
    let arguments = ["-I", "then", "-o", "then.binpb", "shop.proto"];
    let mut command = Command::new(protoc);
    assert!(command.args(arguments).current_dir(project.path("")).status().unwrap().success());
    let ran = project.run(&["breaking", "--against", "then.binpb"]).exits(1);
    assert_eq!(ran.stderr, REPORT);
    let ran = project.run(&["breaking", "--against", "proto/shop.proto"]).exits(1);
    assert!(ran.stderr.contains("the descriptor set cannot be read"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_found_is_named() {
    let ran = committed(&[("proto/shop.proto", NOW)]).run(&["breaking", "--against", "v1"]);
    let expected = "error: `v1` is no file, no folder and no revision of git\n  \
                    help: name one of them with `--against`\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (1, expected));
    let ran = shop().run(&["breaking", "--against", "v1"]).exits(1);
    assert_eq!(ran.stderr, expected);
    shop().run(&["breaking"]).exits(2);
    let ran = shop().run(&["breaking", "--against", ""]).exits(2);
    assert!(ran.stderr.contains("a value is required for '--against"), "{}", ran.stderr);
}

#[test]
fn a_package_that_is_new_has_nothing_to_be_compared_with() {
    let project = committed(&[("proto/shop.proto", NOW)]);
    let manifest = project.read("Cargo.toml");
    project.write("new/Cargo.toml", &manifest);
    project.write("new/src/lib.rs", "");
    project.write("new/proto/shop.proto", NOW);
    let ran = project.run_in("new", &["breaking", "--against", "HEAD"]).exits(1);
    assert!(ran.stderr.contains("the package was not there in `HEAD`"), "{}", ran.stderr);
}

#[test]
fn rules_of_http_may_be_added_and_not_taken_away() {
    let proto = |rules: &str| {
        format!(
            "syntax = \"proto3\";\npackage a;\nimport \"google/api/annotations.proto\";\n\
             message M {{ string id = 1; }}\n\
             service S {{\n  rpc Get(M) returns (M) {{\n    option (google.api.http) = {{ {rules} }};\n  }}\n}}\n"
        )
    };
    let project = Project::new(&[]);
    for name in ["annotations", "http"] {
        let path = format!("google/api/{name}.proto");
        let content = fs::read_to_string(format!("../tests/proto/{path}")).unwrap();
        project.write(&format!("proto/{path}"), &content);
    }
    project.write("then/a.proto", &proto("get: \"/v1/{id}\""));
    let added = proto("get: \"/v2/{id}\" additional_bindings { get: \"/v1/{id}\" }");
    project.write("proto/a.proto", &added);
    project.run(&["breaking", "--against", "then"]).exits(0);
    project.write("proto/a.proto", &proto("post: \"/v1/{id}\" body: \"*\""));
    let ran = project.run(&["breaking", "--against", "then"]).exits(1);
    let expected = "error: grpc: rpc `a.S/Get` is not bound to `GET /v1/{id}` any more (RPC_SAME_HTTP_RULE)\n  \
                    --> proto/a.proto:7:5\n  help: keep the old rule among the `additional_bindings`\n";
    assert_eq!(ran.stderr, expected);
}

/// What is reported of a change of these lines in a proto.
fn report(then: &str, now: &str, options: &[&str]) -> String {
    let project = Project::new(&[]);
    for (side, lines) in [("then", then), ("proto", now)] {
        let proto = format!("syntax = \"proto3\";\npackage a;\n{lines}\n");
        project.write(&format!("{side}/a.proto"), &proto);
    }
    let ran = project
        .run(&[&["breaking", "--against", "then", "--message-format", "json"], options].concat());
    let findings = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let findings = findings.filter(|finding| finding["reason"] == "finding");
    let lines = findings.map(|it| {
        let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
        format!("{}:{} {}", it["line"], it["column"], text("message"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What was there then, what is there now, and what is reported.
const IN_RUST: &[(&str, &str, &str)] = &[
    // What is new is no break: who follows protos expects it.
    ("message M { int32 a = 1; }", "message M { int32 a = 1; int32 b = 2; }", ""),
    ("enum E { NONE = 0; }", "enum E { NONE = 0; SOME = 1; }", ""),
    (
        "message M { message Inner { enum E { NONE = 0; } } }",
        "message N { message Inner { enum E { NONE = 0; } } }",
        "3:1 rust: message `a.M` is gone (PACKAGE_MESSAGE_NO_DELETE)",
    ),
    (
        "message M { enum E { NONE = 0; } }",
        "message M {}",
        "3:13 rust: enum `a.M.E` is gone (PACKAGE_ENUM_NO_DELETE)",
    ),
    (
        "message M { int32 a = 1; }",
        "message M { reserved 1; reserved \"a\"; }",
        "3:1 rust: field 1 `a.M.a` is gone (FIELD_NO_DELETE)",
    ),
    (
        "enum E { NONE = 0; SOME = 1; }",
        "enum E { NONE = 0; reserved 1; reserved \"SOME\"; }",
        "3:1 rust: value 1 `SOME` of `a.E` is gone (ENUM_VALUE_NO_DELETE)",
    ),
    (
        "message M { oneof o { int32 a = 1; } }",
        "message M { oneof p { int32 a = 1; } }",
        "3:23 rust: field 1 `a.M.a` was in the oneof `o`, which is `p` now (ONEOF_NO_DELETE)",
    ),
    (
        "message M { int32 a = 1; }",
        "message M { optional int32 a = 1; }",
        "3:13 rust: field 1 `a.M.a` was `i32` in Rust, and is `Option<i32>` (FIELD_SAME_CARDINALITY)",
    ),
    (
        "message M { int32 a = 1; }",
        "message M { uint32 a = 1; }",
        "3:13 rust: field 1 `a.M.a` was `i32` in Rust, and is `u32` (FIELD_SAME_TYPE)",
    ),
    // Neither the name nor the wire tells these two apart.
    (
        "message M { repeated int32 a = 1; }",
        "message M { repeated int32 a = 1 [packed = false]; }",
        "",
    ),
    (
        "message M { N n = 1; } message N { int32 a = 1; }",
        "message M { N n = 1; } message N { int32 a = 1; M m = 2; }",
        "3:1 rust: `a::M` is not `Copy` any more (RUST_TRAIT_NO_DELETE)\n\
             3:1 rust: `a::M` is not `Eq` and `Hash` any more (RUST_TRAIT_NO_DELETE)\n\
             3:13 rust: field 1 `a.M.n` was `Option<a::N>` in Rust, and is `Option<Box<a::N>>` (RUST_SAME_BOX)\n\
             3:24 rust: `a::N` is not `Copy` any more (RUST_TRAIT_NO_DELETE)\n\
             3:24 rust: `a::N` is not `Eq` and `Hash` any more (RUST_TRAIT_NO_DELETE)",
    ),
    (
        "message M { int32 a = 1; }",
        "message M { int32 a = 1; float b = 2; }",
        "3:1 rust: `a::M` is not `Eq` and `Hash` any more (RUST_TRAIT_NO_DELETE)",
    ),
    // Two names of the proto that are one in Rust.
    (
        "message my_m {}",
        "message my_m {} message MyM {}",
        "3:1 rust: `a.my_m` became `a::MyM`, and becomes `a::MyM_` (RUST_SAME_PATH)",
    ),
    (
        "message M { repeated int32 Ab = 1; }",
        "message M { repeated int32 Ab = 1; repeated int32 ab = 2; }",
        "3:13 rust: field 1 `a.M.Ab` was `ab` in Rust, and is `ab_` (RUST_SAME_NAME)",
    ),
    (
        "message M {} service S { rpc Get(M) returns (M); }",
        "message M {} service S { rpc Get(M) returns (M); rpc Put(M) returns (M); }",
        "3:50 rust: rpc `a.S/Put` is new, and implementations lack it (RUST_CONTRACT_NO_ADD)",
    ),
    (
        "message M {} message N {} service S { rpc Get(M) returns (M); }",
        "message M {} message N {} service S { rpc Get(N) returns (M); }",
        "3:39 rust: the request of rpc `a.S/Get` was `a::M`, and is `a::N` (RUST_SAME_REQUEST_TYPE)",
    ),
    (
        "enum my_e { NONE = 0; }",
        "enum my_e { NONE = 0; } message MyE {}",
        "3:1 rust: `a.my_e` became `a::MyE`, and becomes `a::MyE_` (RUST_SAME_PATH)",
    ),
    (
        "message M {} service S { rpc Get(M) returns (M); }",
        "message M {} service S { rpc get(M) returns (M); rpc Get(M) returns (M); }",
        "3:26 rust: rpc `a.S/get` is new, and implementations lack it (RUST_CONTRACT_NO_ADD)\n\
         3:50 rust: rpc `a.S/Get` was `get` in Rust, and is `get_` (RUST_SAME_NAME)",
    ),
    (
        "message M {} service S { rpc Get(M) returns (M); }",
        "message M {} service S { rpc Get(M) returns (M); } message SClient {}",
        "3:14 rust: `a.S` became `a::SClient`, and becomes `a::s_client::SClient` (RUST_SAME_PATH)",
    ),
    // For the callers it is worse.
    (
        "message M {} message N { int32 a = 1; } service S { rpc Get(N) returns (M); }",
        "message M {} message N { int32 a = 1; } service S { rpc Get(M) returns (M); }",
        "3:53 grpc: the request of rpc `a.S/Get` was `a.N`, and is `a.M` (RPC_SAME_REQUEST_TYPE)",
    ),
];

#[test]
fn code_that_uses_what_is_generated_is_a_class_of_its_own() {
    for (then, now, expected) in IN_RUST {
        assert_eq!(report(then, now, &[]), *expected, "{then} => {now}");
    }
}

#[test]
fn types_that_are_called_otherwise_may_hold_each_other_in_a_long_chain() {
    let chain = |name: &str, last: &str| {
        let link = |index| format!("message {name}{index} {{ {name}{} a = 1; }}\n", index + 1);
        let links = (0..3000).map(link).collect::<String>();
        let last = format!("message {name}3000 {{ {last} a = 1; }}");
        format!("{links}{last}\nmessage M {{ {name}0 a = 1; {name}3000 b = 2; }}")
    };
    let classes = ["--class", "wire,grpc,json"];
    let then = chain("Old", "int32");
    assert_eq!(report(&then, &chain("New", "int32"), &classes), "");
    let found = report(&then, &chain("New", "string"), &classes);
    assert!(found.contains("field 1 `a.M.a` was `a.Old0`, and is `a.New0`"), "{found}");
    assert!(found.contains("field 2 `a.M.b` was `a.Old3000`, and is `a.New3000`"), "{found}");
    assert_eq!(found.lines().count(), 2, "{found}");
}

#[test]
fn options_of_the_generator_count_on_both_sides() {
    let (then, now) = ("message M { bytes a = 1; }", "message M { bytes a = 1; bytes b = 2; }");
    assert_eq!(report(then, now, &["--opt", "bytes=."]), "");
}

#[test]
fn breaks_are_accepted_for_a_reason_and_until_a_day() {
    let accepted = |until: &str| {
        format!(
            "\n[[package.metadata.scaffold.accepted]]\ncode = \"FIELD_SAME_NAME\"\nat = \"shop.Order.price\"\n\
             reason = \"nobody uses JSON\"\nuntil = \"{until}\"\n"
        )
    };
    let project = shop();
    let manifest = project.read("Cargo.toml");
    let run = |settings: &str, code: i32| {
        project.write("Cargo.toml", &(manifest.clone() + settings));
        project.run(&["breaking", "--against", "then", "--class", "json"]).exits(code).stderr
    };
    let break_ = "json: field 2 `shop.Order.price` is `cost` now (FIELD_SAME_NAME)\n  --> proto/shop.proto:5:3\n  help: it";
    assert_eq!(
        run(&accepted("9999-12-31"), 0),
        format!("note: {break_} is accepted until 9999-12-31: nobody uses JSON\n")
    );
    assert_eq!(
        run(&accepted("2020-02-29"), 1),
        format!("error: {break_} was accepted until 2020-02-29: nobody uses JSON\n")
    );
    let ran = run(&accepted("31.12.9999"), 1);
    assert!(ran.contains("in `accepted` is no break\n  help: write it as in"), "{ran}");

    let ran = run(&accepted("2026-02-30"), 1);
    assert!(ran.contains("in `accepted` is no break\n  help: write it as in"), "{ran}");
    let ran = run(&accepted("9999-12-31").replace("[[", "[").replace("]]", "]"), 1);
    assert!(ran.contains("`accepted` in `[package.metadata.scaffold]` is no list\n"), "{ran}");

    let elsewhere = accepted("9999-12-31").replace("price", "name");
    let ran = run(&elsewhere, 1);
    assert!(ran.contains("error: json: field 2 `shop.Order.price`"), "{ran}");
    assert!(ran.contains("`FIELD_SAME_NAME` at `shop.Order.name` is accepted"), "{ran}");

    project.write("proto/shop.proto", THEN);
    assert_eq!(
        run(&accepted("9999-12-31"), 0),
        "warning: `FIELD_SAME_NAME` at `shop.Order.price` is accepted, but not broken\n  --> Cargo.toml\n  \
         help: remove it from `accepted` in `[package.metadata.scaffold]`\n"
    );
}

/// That the types are compared does not make the break theirs.
#[test]
fn a_field_that_got_another_type_is_accepted_by_its_own_name() {
    let proto = |ty: &str, of: &str| {
        format!(
            "syntax = \"proto3\";\npackage a;\nmessage {ty} {{ {of} a = 1; }}\n\
             message M {{ {ty} a = 1; }}\n"
        )
    };
    let then = proto("Old", "int32");
    let project =
        Project::new(&[("then/a.proto", &then), ("proto/a.proto", &proto("New", "string"))]);
    let accepted = "accepted = [{ code = \"FIELD_WIRE_COMPATIBLE_TYPE\", at = \"a.M.a\", \
                    reason = \"nobody sends it\", until = \"9999-12-31\" }]\n";
    let manifest = project.read("Cargo.toml") + "\n[package.metadata.scaffold]\n" + accepted;
    project.write("Cargo.toml", &manifest);
    project.run(&["breaking", "--against", "then", "--class", "wire"]).exits(0);
}
