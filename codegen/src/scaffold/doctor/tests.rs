//! Each check, with values.

use std::path::{Path, PathBuf};

use super::{
    facts::{Facts, Generated, Import, Proto, Version, Watch},
    lock::Lock,
    packages, protoc, protos,
    scan::Text,
    *,
};

/// A package that is well.
fn facts() -> Facts {
    Facts {
        package: "shop".to_owned(),
        protoc: Ok(Version { program: "protoc".into(), said: "libprotoc 36.2".to_owned() }),
        protos: vec![vec![proto("proto/shop.proto", "shop.proto")]],
        unknown: None,
        absent: Vec::new(),
        watch: Watch { build_script: "build.rs".into(), ..Watch::default() },
        nearby: Vec::new(),
        lock: Lock::parse(LOCK),
        generated: Vec::new(),
    }
}

const LOCK: &str = r#"
version = 4

[[package]]
name = "shop"
version = "0.1.0"
dependencies = [
 "old",
 "prost 0.14.1",
 "rust-scaffold",
 "rust-scaffold-build",
]

[[package]]
name = "old"
version = "2.0.0"
dependencies = [
 "prost 0.13.5 (registry+https://example.org/index)",
]

[[package]]
name = "prost"
version = "0.13.5"
source = "registry+https://example.org/index"

[[package]]
name = "prost"
version = "0.14.1"
source = "registry+https://example.org/index"

[[package]]
name = "rust-scaffold"
version = "0.1.0"
dependencies = [
 "prost 0.14.1",
]

[[package]]
name = "rust-scaffold-build"
version = "0.1.0"

[[package]]
name = "elsewhere"
version = "0.1.0"
dependencies = [
 "tonic 0.13.0",
]

[[package]]
name = "tonic"
version = "0.13.0"

[[patch.unused]]
name = "rust-scaffold"
version = "9.9.9"
"#;

fn proto(path: &str, name: &str) -> Proto {
    Proto {
        path: path.into(),
        canonical: Some(Path::new("/shop").join(path)),
        name: name.to_owned(),
        edition: None,
        imports: Vec::new(),
        shadowed: Vec::new(),
    }
}

fn text(value: &str) -> Text {
    Text { value: value.to_owned(), position: (3, 8) }
}

/// `LEVEL CODE MESSAGE / HELP`
fn said(findings: &[Finding]) -> Vec<String> {
    let said = findings.iter().map(|it| {
        let help = it.help.as_deref().unwrap_or_default();
        format!("{:?} {} {} / {help}", it.level, it.code, it.message)
    });
    said.collect()
}

fn one(findings: &[Finding], starts: &str, contains: &str) {
    let [finding] = &*said(findings) else { panic!("{findings:?}") };
    assert!(finding.starts_with(starts) && finding.contains(contains), "{finding}");
}

#[test]
fn protoc_is_new_enough_for_the_edition_or_named() {
    let mut facts = facts();
    facts.protos[0][0].edition = Some(text("2024"));
    for (said, is_too_old) in [
        ("libprotoc 32.0", false),
        ("libprotoc 31.1", true),
        ("libprotoc 3.21.12", true),
        ("what?", false),
    ] {
        facts.protoc = Ok(Version { program: "protoc".into(), said: said.to_owned() });
        assert_eq!(protoc::knows_editions(&facts).len(), usize::from(is_too_old), "{said}");
    }
    one(&protoc::runs(&facts), "Warning no-protoc", "`unset PROTOC`");
    facts.protoc = Err(Error::Input("cannot run protoc".to_owned()));
    one(&protoc::runs(&facts), "Error no-protoc cannot run protoc", "");
}

#[test]
fn a_missing_import_is_looked_for_in_the_workspace() {
    let mut facts = facts();
    let missing = Import { text: text("google/type/money.proto"), is_found: false };
    facts.protos[0][0].imports = vec![missing, Import { text: text("a.proto"), is_found: true }];
    one(&protos::imports_are_found(&facts), "Error missing-import", "add a copy of it");
    facts.nearby = vec![
        PathBuf::from("other/notmoney.proto"),
        PathBuf::from("third_party/google/type/money.proto"),
    ];
    let findings = protos::imports_are_found(&facts);
    one(&findings, "Error missing-import", "add `third_party` to the include directories");
    assert_eq!(findings[0].place.as_ref().unwrap().position, Some((3, 8)));
    facts.nearby = vec![PathBuf::from("google/type/money.proto")];
    one(&protos::imports_are_found(&facts), "Error missing-import", "add `.` to the include");
}

#[test]
fn what_is_asked_for_and_is_not_there_is_named() {
    let mut facts = facts();
    assert_eq!(protos::are_there(&facts), []);
    facts.protos[0][0].canonical = None;
    one(&protos::are_there(&facts), "Error missing-proto", "`proto/shop.proto`");
    facts.protos.clear();
    facts.absent = vec![PathBuf::from("third_party")];
    one(&protos::are_there(&facts), "Warning missing-include", "`git submodule update --init`");
    facts.absent.clear();
    facts.unknown = Some(Error::Input("there are no protos".to_owned()));
    one(&protos::are_there(&facts), "Error no-protos there are no protos", "");
}

#[test]
fn the_order_of_includes_matters_if_the_files_differ() {
    let mut facts = facts();
    assert_eq!(protos::have_one_file(&facts), []);
    facts.protos[0][0].shadowed = vec![PathBuf::from("vendor/shop.proto")];
    let help = "`diff proto/shop.proto vendor/shop.proto`";
    one(&protos::have_one_file(&facts), "Warning include-order", help);
}

#[test]
fn a_file_has_one_name_in_each_run_of_protoc() {
    let mut facts = facts();
    facts.protos.push(vec![proto("proto/shop.proto", "proto/shop.proto")]);
    assert_eq!(protos::have_one_name(&facts), []);
    facts.protos[0].push(proto("proto/shop.proto", "proto/shop.proto"));
    let names = "as `shop.proto` and as `proto/shop.proto`";
    one(&protos::have_one_name(&facts), "Error two-names", names);
    for proto in &mut facts.protos[0] {
        proto.canonical = None;
    }
    assert_eq!(protos::have_one_name(&facts), []);
}

#[test]
fn unwatched_protos_are_named() {
    let mut facts = facts();
    assert_eq!(protos::are_watched(&facts), []);
    facts.watch.unwatched.insert("proto/shop.proto".into());
    one(&protos::are_watched(&facts), "Warning not-watched", "`.emit_rerun_if_changed(false)`");
    facts.watch.unwatched.clear();
    facts.watch.beside.insert("proto/orders.proto".into());
    one(&protos::are_watched(&facts), "Warning not-compiled", "`compile_protos` in `build.rs`");
}

#[test]
fn versions_are_those_of_what_the_package_is_built_from() {
    let mut facts = facts();
    let versions = "0.13.5 (of old), 0.14.1 (of rust-scaffold, shop)";
    let findings = packages::have_one_version(&facts);
    one(&findings, "Warning several-versions", versions);
    one(&findings, "", "`cargo tree --invert prost@0.13.5`");
    facts.package = "elsewhere".to_owned();
    assert_eq!(packages::have_one_version(&facts), []);
    let own = LOCK.replacen("prost 0.14.1", "prost 0.13.5", 1);
    (facts.package, facts.lock) = ("shop".to_owned(), Lock::parse(&own));
    one(&packages::have_one_version(&facts), "Warning", "`cargo add prost@0.14.1`");
    assert_eq!(packages::fit_together(&facts), []);
}

#[test]
fn a_version_of_two_sources_is_two() {
    let source = "git+https://example.org/prost?rev=1";
    let second = format!(
        "[[package]]\nname = \"prost\"\nversion = \"0.14.1\"\nsource = \"{source}#1234\"\n"
    );
    let registry = "prost 0.14.1 (registry+https://example.org/index)";
    let lock = LOCK
        .replacen("prost 0.14.1", &format!("prost 0.14.1 ({source})"), 1)
        .replace("\"prost 0.14.1\"", &format!("{registry:?}"))
        .replace(" \"old\",\n", "")
        .replacen("[[package]]", &format!("{second}\n[[package]]"), 1);
    let facts = Facts { lock: Lock::parse(&lock), ..facts() };
    let findings = packages::have_one_version(&facts);
    let versions =
        "0.14.1 from https://example.org/prost?rev=1 (of shop), 0.14.1 (of rust-scaffold)";
    one(&findings, "Warning several-versions", versions);
    one(&findings, "", "let all depend on one source of `prost`");
    // The patch that is not used is nobody's, though it has no source.
    let runtime = "name = \"rust-scaffold\"\nversion = \"0.1.0\"\n";
    let from_registry = format!("{runtime}source = \"registry+https://example.org/index\"\n");
    let facts = Facts { lock: Lock::parse(&LOCK.replace(runtime, &from_registry)), ..facts };
    assert_eq!(packages::fit_together(&facts), []);
}

#[test]
fn the_generator_and_generated_code_are_of_the_version_of_the_runtime() {
    let mut facts = facts();
    let later = "name = \"rust-scaffold\"\nversion = \"0.2.0\"";
    let lock = LOCK.replacen("name = \"rust-scaffold\"\nversion = \"0.1.0\"", later, 1);
    let generated = |version: &str, is_on_record| Generated {
        path: "src/gen/shop.rs".into(),
        version: version.to_owned(),
        is_on_record,
    };
    facts.generated = vec![generated("0.1.0", true)];
    assert_eq!(packages::generated_code_fits(&facts), []);
    facts.generated = vec![generated("0.0.9", true)];
    let code = "Warning generated-by-another-version";
    one(&packages::generated_code_fits(&facts), code, "/ `cargo scaffold generate` writes");
    facts.generated = vec![generated("0.0.9", false)];
    one(&packages::generated_code_fits(&facts), code, "/ generate it again");
    // Nobody knows what the runtime will be.
    facts.lock = Lock::default();
    assert_eq!(packages::generated_code_fits(&facts), []);
    facts.lock = Lock::parse(&lock);
    let install = "`cargo install rust-scaffold-build@0.2.0`, then";
    one(&packages::generated_code_fits(&facts), code, install);
    let differ = "`rust-scaffold` is 0.2.0, and `rust-scaffold-build` is 0.1.0";
    one(&packages::fit_together(&facts), "Warning versions-differ", differ);
}

#[test]
fn a_finding_of_several_runs_is_told_once_and_none_is_a_note() {
    let mut facts = facts();
    facts.lock = Lock::default();
    one(&examine(&facts), "Note healthy", "`shop`, with libprotoc 36.2");
    facts.protos[0][0].shadowed = vec![PathBuf::from("vendor/shop.proto")];
    let again = Proto {
        shadowed: vec!["vendor/shop.proto".into()],
        ..proto("proto/shop.proto", "shop.proto")
    };
    facts.protos.push(vec![again]);
    one(&examine(&facts), "Warning include-order", "");
}
