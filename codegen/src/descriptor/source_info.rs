//! Where things stand in a proto file, and what its comments say about them.

use std::{collections::HashMap, sync::Arc};

use super::protos::{FileDescriptorProto, source_code_info};
use crate::{
    diagnostics::Location,
    docs::{self, Docs},
};

/// The source info of one file, by descriptor path (field numbers and indexes from the root).
pub(super) struct SourceInfo<'a> {
    file: Arc<str>,
    with_docs: bool,
    with_plain: bool,
    locations: HashMap<&'a [i32], &'a source_code_info::Location>,
}

impl<'a> SourceInfo<'a> {
    /// Reads no comments until it is told which.
    pub(super) fn new(file: &'a FileDescriptorProto) -> Self {
        let mut locations = HashMap::new();
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            // What stands in several places, as `extend` may, is at the first of them.
            locations.entry(location.path.as_slice()).or_insert(location);
        }
        Self { file: file.name().into(), with_docs: false, with_plain: false, locations }
    }

    /// Comments are only read if something comes of them: rustdoc, or the plain text that servers carry.
    pub(super) fn reading(self, with_docs: bool, with_plain: bool) -> Self {
        Self { with_docs, with_plain, ..self }
    }

    pub(super) fn location(&self, path: &[i32]) -> Location {
        let position = self.locations.get(path).and_then(|location| {
            let [line, column, ..] = location.span.as_slice() else { return None };
            let one_based = |number: &i32| usize::try_from(*number).ok()?.checked_add(1);
            Some((one_based(line)?, one_based(column)?))
        });
        Location { file: self.file.clone(), position }
    }

    /// The comments around an item: rustdoc that is safe, and what only stands near it.
    pub(super) fn docs(&self, path: &[i32]) -> Docs {
        let mut docs = Docs::default();
        let Some(location) = self.locations.get(path) else { return docs };
        let (leading, trailing) = (location.leading_comments(), location.trailing_comments());
        if self.with_docs {
            docs.detached = docs::plain_lines(&location.leading_detached_comments);
            docs.lines = docs::from_comments(leading, trailing);
        }
        if self.with_plain {
            docs.plain = docs::plain_lines(&[leading, trailing]).join("\n");
        }
        docs
    }

    /// The comments above and behind a statement that nothing in Rust stands for, as plain lines.
    pub(super) fn plain(&self, path: &[i32]) -> Vec<String> {
        let Some(location) = self.locations.get(path).filter(|_| self.with_docs) else {
            return Vec::new();
        };
        let own = [location.leading_comments(), location.trailing_comments()].map(str::to_owned);
        let all = location.leading_detached_comments.iter().cloned().chain(own);
        docs::plain_lines(&all.collect::<Vec<_>>())
    }
}
