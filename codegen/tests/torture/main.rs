//! Every proto that protoc accepts compiles: the hostile ones of `tests/torture`, whose README says
//! what passing means, and random ones.

#![allow(clippy::unwrap_used)]

mod calls;
mod protoc;
mod random;
#[path = "../fuzz/random.rs"]
mod random_numbers;
mod scratch;

use std::{
    fs,
    path::{Path, PathBuf},
};

use protoc::{Outcome, generate};
use scratch::Scratch;

const CASES: &str = "../tests/torture/cases";

/// Cases of which the generator says what is wrong, and the file beside the case what it says.
const REFUSED: &[&str] = &["b29_descriptor_types"];

/// What protoc itself refuses.
const REFUSED_BY_PROTOC: &[&str] =
    &["b10b_field_digits_collide", "b22b_enum_variant_collision_prefix", "b23b_enum_only_prefix"];

/// Of which rustdoc makes no end: messages that hold each other in all ways.
const UNDOCUMENTED: &[&str] = &["b33c_3000_flat"];

#[test]
fn every_case_compiles_and_every_rpc_can_be_called() {
    let mut scratch = Scratch::new("torture");
    let mut failures = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        match scratch.add(&case, &name.to_lowercase()) {
            Outcome::Generated { .. } => {}
            Outcome::RefusedByProtoc => assert!(REFUSED_BY_PROTOC.contains(&name), "{name}"),
            Outcome::Refused(text) => match REFUSED.contains(&name) {
                true => compare(&case.join("refused.txt"), &text),
                false => failures.push(format!("{name}: {text}")),
            },
        }
    }
    assert!(scratch.len() > 150, "the cases are not where this test looks for them");
    failures.extend(scratch.check(UNDOCUMENTED));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_a_seventh_of_the_cases_generates_is_the_same_from_a_build_script() {
    for case in cases().into_iter().step_by(7) {
        let by_plugin = tempfile::tempdir().unwrap();
        if !matches!(generate(&case, by_plugin.path()), Outcome::Generated { .. }) {
            continue;
        }
        let by_helper = tempfile::tempdir().unwrap();
        rust_scaffold_build::configure()
            .emit_rerun_if_changed(false)
            .include_file("mod.rs")
            .out_dir(by_helper.path())
            .compile_protos(&protoc::protos(&case), &[&case])
            .unwrap();
        let (plugin, helper) = (read_tree(by_plugin.path()), read_tree(by_helper.path()));
        assert!(plugin == helper, "{} differs", case.display());
    }
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().path());
    let mut cases = entries.filter(|path| path.is_dir()).collect::<Vec<_>>();
    cases.sort();
    cases
}

/// Compares with a golden file, or accepts with `BLESS=1`.
fn compare(golden: &Path, text: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden, text).unwrap();
    }
    assert_eq!(fs::read_to_string(golden).unwrap_or_default(), text, "{}", golden.display());
}

/// The files of a directory, sorted, with their content.
fn read_tree(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                next.push(path);
            } else {
                let content = fs::read_to_string(&path).unwrap();
                files.push((path, content));
            }
        }
    }
    let root = |(path, content): (PathBuf, String)| {
        (path.strip_prefix(directory).unwrap().to_owned(), content)
    };
    let mut files = files.into_iter().map(root).collect::<Vec<_>>();
    files.sort();
    files
}
