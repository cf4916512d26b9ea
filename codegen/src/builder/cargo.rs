//! What a build script prints for cargo.

use std::{collections::BTreeSet, path::PathBuf};

/// Runs the build script again when one of these, or the choice of protoc, changes.
pub(super) fn rerun_if_changed(paths: &BTreeSet<PathBuf>) {
    println!("cargo:rerun-if-env-changed=PROTOC");
    for path in paths {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

/// Shows texts to the user; cargo takes one line at a time.
pub(super) fn warn(texts: &[String]) {
    for line in texts.iter().flat_map(|text| text.lines()) {
        println!("cargo:warning={line}");
    }
}
