//! The plugin as protoc runs it: same bytes as the build helper, from run to run, in any split.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-rust-scaffold");

#[test]
fn plugin_and_build_helper_write_the_same_bytes() {
    let (by_plugin, by_helper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let protos = ["calculator.proto", "greeter.proto", "telemetry.proto"];
    let include = Path::new("../proto");
    protoc(include, &protos, "", by_plugin.path());
    let paths = protos.map(|name| include.join(name));
    rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(by_helper.path())
        .compile_protos(&paths, &[include])
        .unwrap();
    let written = read_tree(by_plugin.path());
    assert_eq!(written.len(), 3);
    assert_eq!(written, read_tree(by_helper.path()));
}

/// `golden.rs` checks the same of the build helper.
#[test]
fn the_plugin_writes_every_golden() {
    for case in fs::read_dir("../tests/golden").unwrap().map(|entry| entry.unwrap().path()) {
        let input = case.join("input");
        let names = read_tree(&input).into_keys().collect::<Vec<_>>();
        let options = fs::read_to_string(case.join("options")).unwrap_or_default();
        let options = options.lines().chain(["include_file=mod.rs"]).collect::<Vec<_>>();
        let out = tempfile::tempdir().unwrap();
        protoc(&input, &names, &options.join(","), out.path());
        let expected = read_tree(&case.join("expected"));
        assert!(read_tree(out.path()) == expected, "{} is not as expected", case.display());
    }
}

/// The test above sets `include_file` for all of them.
#[test]
fn every_option_of_the_plugin_is_in_a_golden() {
    let mut set = BTreeSet::from(["include_file".to_owned()]);
    for case in fs::read_dir("../tests/golden").unwrap().map(|entry| entry.unwrap().path()) {
        let options = fs::read_to_string(case.join("options")).unwrap_or_default();
        set.extend(options.lines().map(|line| line.split('=').next().unwrap().to_owned()));
    }
    let help = Command::new(PLUGIN).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, table) = help.split_once("Options").expect("a list of options");
    let lines = table.lines().filter_map(|line| line.strip_prefix("  "));
    let names = lines.filter_map(|line| line.split(['=', '[', ' ']).next());
    let names = names.filter(|name| !name.is_empty() && !name.starts_with('-'));
    let missing = names.filter(|name| !set.contains(*name)).collect::<Vec<_>>();
    assert!(missing.is_empty(), "no golden has {missing:?}");
}

/// protoc hands a plugin more of the imports than it writes to a descriptor set.
#[test]
fn embedded_descriptors_are_the_same_from_both() {
    let (by_plugin, by_helper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let include = Path::new("../tests/golden/custom_options/input");
    let protos = ["custom_options.proto", "google/api/annotations.proto"];
    protoc(include, &protos, "file_descriptor_set", by_plugin.path());
    rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .file_descriptor_set(true)
        .out_dir(by_helper.path())
        .compile_protos(&protos.map(|name| include.join(name)), &[include])
        .unwrap();
    assert!(read_tree(by_plugin.path()) == read_tree(by_helper.path()));
}

#[test]
fn two_runs_write_the_same_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for out in [&first, &second] {
        protoc(Path::new("../proto"), &["telemetry.proto"], "file_descriptor_set", out.path());
    }
    assert_eq!(read_tree(first.path()), read_tree(second.path()));
}

#[test]
fn several_runs_into_one_directory_lose_nothing() {
    let (at_once, one_by_one) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let input = Path::new("../tests/golden/cross_package/input");
    let names = read_tree(input).into_keys().collect::<Vec<_>>();
    protoc(input, &names, "", at_once.path());
    for name in &names {
        protoc(input, &[name], "", one_by_one.path());
    }
    assert_eq!(read_tree(at_once.path()), read_tree(one_by_one.path()));
}

#[test]
fn warnings_reach_the_user_and_stop_nothing() {
    let out = tempfile::tempdir().unwrap();
    let input = Path::new("../tests/golden/clashes/input");
    let output = protoc(input, &["clashes.proto"], "", out.path());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("warning: clashes.proto:26:1: service `clashes.Cache`"), "{text}");
}

#[test]
fn a_wrong_option_is_an_error_of_protoc() {
    let out = tempfile::tempdir().unwrap();
    let output =
        command(Path::new("../proto"), &["greeter.proto"], "build_sever", out.path()).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("did you mean `build_server`?"), "{text}");
    assert!(read_tree(out.path()).is_empty());
}

#[test]
fn version_and_help_are_for_people() {
    let run = |argument| Command::new(PLUGIN).arg(argument).output().unwrap();
    let version = String::from_utf8(run("--version").stdout).unwrap();
    assert_eq!(version, format!("protoc-gen-rust-scaffold {}\n", env!("CARGO_PKG_VERSION")));
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for option in ["--rust-scaffold_out", "build_server", "extern_path", "include_file"] {
        assert!(help.contains(option), "{help}");
    }
    let unknown = run("--halp");
    assert!(!unknown.status.success());
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("try --help"));
}

/// Runs protoc with the plugin; it has to succeed.
fn protoc(include: &Path, names: &[impl AsRef<Path>], options: &str, out: &Path) -> Output {
    let output = command(include, names, options, out).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}", include.display());
    output
}

fn command(include: &Path, names: &[impl AsRef<Path>], options: &str, out: &Path) -> Command {
    let mut command = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap());
    command
        .arg(format!("--plugin=protoc-gen-rust-scaffold={PLUGIN}"))
        .arg(format!("--rust-scaffold_out={}", out.display()))
        .arg(format!("--rust-scaffold_opt={options}"))
        .arg("-I")
        .arg(include)
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .args(names.iter().map(AsRef::as_ref));
    command
}

/// All files below a directory, by their path in it.
fn read_tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}
