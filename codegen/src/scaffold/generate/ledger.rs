//! The record of what was generated into a folder, by which a later run knows its own files.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{Files, files};
use crate::{error::Error, scaffold::outcome::Change};

/// The name of the record in the folder. It belongs to the sources, as what is generated does.
const NAME: &str = ".cargo-scaffold";

const HEADER: &str =
    "# What `cargo scaffold generate` has written here, so that it removes nothing else.\n";

/// A hash of each file.
///
/// A line that nobody can read, such as a mark of a merge, is as if it were not there: what is not
/// on record stays.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    before: Option<Vec<u8>>,
    hashes: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let before = files::read(&path)?;
        let text = String::from_utf8_lossy(before.as_deref().unwrap_or_default()).into_owned();
        let hashes = text.lines().filter_map(|line| {
            let (hash, name) = line.split_once("  ")?;
            let is_below = Path::new(name).is_relative() && !name.split('/').any(|it| it == "..");
            let hash = u64::from_str_radix(hash, 16).ok()?;
            is_below.then(|| (name.to_owned(), hash))
        });
        Ok(Self { path, hashes: hashes.collect(), before })
    }

    /// The files on record that are none of these.
    pub(super) fn without(&self, generated: &Files) -> Vec<String> {
        let names = self.hashes.keys().filter(|name| !generated.contains_key(*name));
        names.cloned().collect()
    }

    /// Whether a file is as it was generated.
    pub(super) fn has(&self, name: &str, content: &[u8]) -> bool {
        self.hashes.get(name) == Some(&hash(content))
    }

    pub(super) fn insert(&mut self, name: String, content: &[u8]) {
        self.hashes.insert(name, hash(content));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.hashes.remove(name);
    }

    /// How the record should be.
    pub(super) fn into_change(self) -> Change {
        let mut text = HEADER.to_owned();
        for (name, hash) in &self.hashes {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{hash:016x}  {name}");
        }
        Change { path: self.path, before: self.before, after: Some(text.into_bytes()) }
    }
}

/// FNV-1a, which is the same everywhere and tells edited files from others: nobody gains by a file
/// that is taken for another.
fn hash(content: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    content.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}
