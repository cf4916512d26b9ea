//! What cargo is told to watch, after runs of the real protoc.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::*;

const SHOP: &str = "syntax = \"proto3\";\nimport \"common/money.proto\";\n\
                    import \"google/protobuf/timestamp.proto\";\n\
                    message Order {\n  Money price = 1;\n  google.protobuf.Timestamp at = 2;\n}\n";
const MONEY: &str = "syntax = \"proto3\";\nmessage Money {}\n";

/// A package with protos in two directories.
struct Package(TempDir);

impl Package {
    fn new() -> Self {
        let package = Self(tempfile::tempdir().expect("there is room"));
        package.write("proto/shop.proto", SHOP);
        package.write("third party/common/money.proto", MONEY);
        package
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the package")).expect("there is room");
        fs::write(path, content).expect("there is room");
    }

    /// What is watched after a run in which protoc got these files, below the directory `proto`.
    fn watched(&self, arguments: &[String], protos: &[&str]) -> BTreeSet<PathBuf> {
        let protoc = Protoc { path: None, arguments: arguments.to_vec() };
        let protos = protos.iter().map(PathBuf::from).collect::<Vec<_>>();
        let includes = [self.path("proto")];
        let (set, _) = protoc.run(&protos, &includes).expect("protoc takes these files");
        protoc.proto_path(&includes).watched(&protos, Some(&set))
    }

    fn paths(&self, names: &[&str]) -> BTreeSet<PathBuf> {
        names.iter().map(|name| self.path(name)).collect()
    }
}

#[test]
fn files_of_include_directories_given_to_protoc_are_watched() {
    let package = Package::new();
    let directory = package.shown("third party");
    package.write("arguments", &format!("-I{directory}\n--experimental_editions\n"));
    let sources = package.paths(&["proto/shop.proto", "third party/common/money.proto"]);
    for arguments in [
        vec![format!("-I{directory}")],
        vec!["-I".to_owned(), directory.clone()],
        vec![format!("--proto_path={directory}")],
        vec!["--proto_path".to_owned(), directory.clone()],
        vec![format!("-I{}:{directory}", package.shown("proto"))],
        vec![format!("-Icommon={directory}/common")],
    ] {
        assert_eq!(package.watched(&arguments, &["shop.proto"]), sources, "{arguments:?}");
    }
    let argument = format!("@{}", package.shown("arguments"));
    let mut sources = sources;
    sources.insert(package.path("arguments"));
    assert_eq!(package.watched(&[argument], &["shop.proto"]), sources);
}

/// cargo runs a build script every time when something that it watches does not exist.
#[test]
fn files_are_watched_where_they_are_whatever_they_are_called() {
    let package = Package::new();
    let argument = format!("-I{}", package.shown("third party"));
    let by_path = package.shown("third party/common/money.proto");
    for money in ["common/money.proto", &by_path] {
        let watched = package.watched(std::slice::from_ref(&argument), &["shop.proto", money]);
        let sources = ["proto/shop.proto", "third party/common/money.proto"];
        assert_eq!(watched, package.paths(&sources), "{money}");
    }
}

#[test]
fn files_that_come_with_protoc_are_not_watched_but_copies_of_them_are() {
    let package = Package::new();
    package.write("proto/common/money.proto", MONEY);
    let protos = ["google/protobuf/timestamp.proto", "shop.proto"];
    let sources = ["proto/shop.proto", "proto/common/money.proto"];
    assert_eq!(package.watched(&[], &protos), package.paths(&sources));

    let copy = "proto/google/protobuf/timestamp.proto";
    package.write(copy, "syntax = \"proto3\";\npackage google.protobuf;\nmessage Timestamp {}\n");
    let sources = [sources.as_slice(), &[copy]].concat();
    assert_eq!(package.watched(&[], &protos), package.paths(&sources));
}

#[test]
fn sets_of_descriptors_given_to_protoc_are_watched() {
    let package = Package::new();
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("it comes with a crate");
    let status = Command::new(protoc)
        .arg(format!("-I{}", package.shown("third party")))
        .arg(format!("-o{}", package.shown("set")))
        .arg("common/money.proto")
        .status();
    assert!(status.expect("it runs").success());
    let argument = format!("--descriptor_set_in={}", package.shown("set"));
    assert_eq!(package.watched(&[argument], &["common/money.proto"]), package.paths(&["set"]));
}

/// A build script may go on without what it would have made, and is then run again when there is
/// something new to try.
#[test]
fn after_a_failure_the_files_that_were_asked_for_are_watched() {
    let package = Package::new();
    let protos = ["shop.proto", "nowhere.proto"].map(PathBuf::from);
    let watched = Protoc::default().proto_path(&[package.path("proto")]).watched(&protos, None);
    let named = [package.path("proto/shop.proto"), PathBuf::from("nowhere.proto")];
    assert_eq!(watched, BTreeSet::from(named));
}

/// What protoc says of all editions up to this one: an encoded `FeatureSetDefaults`.
pub(crate) fn edition_defaults(maximum: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("there is room");
    let output = directory.path().join("defaults");
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("it comes with a crate");
    let includes = protoc_bin_vendored::include_path().expect("they come with a crate");
    let status = Command::new(protoc)
        .arg("--edition_defaults_minimum=PROTO2")
        .arg(format!("--edition_defaults_maximum={maximum}"))
        .arg(format!("--edition_defaults_out={}", output.display()))
        .arg(format!("-I{}", includes.display()))
        .arg("google/protobuf/descriptor.proto")
        .status();
    assert!(status.expect("it runs").success());
    fs::read(output).expect("protoc has written it")
}
