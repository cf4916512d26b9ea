//! Where things stand in a proto file, and what its comments say about them.

use std::collections::HashMap;

use prost_types::{FileDescriptorProto, source_code_info};

use crate::{diagnostics::Location, docs};

/// The source info of one file, by descriptor path (field numbers and indexes from the root).
pub(super) struct SourceInfo<'a> {
    file: &'a str,
    locations: HashMap<&'a [i32], &'a source_code_info::Location>,
}

impl<'a> SourceInfo<'a> {
    pub(super) fn new(file: &'a FileDescriptorProto) -> Self {
        let mut locations = HashMap::new();
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            // What stands in several places, as `extend` may, is at the first of them.
            locations.entry(location.path.as_slice()).or_insert(location);
        }
        Self { file: file.name(), locations }
    }

    pub(super) fn location(&self, path: &[i32]) -> Location {
        let position = self.locations.get(path).and_then(|location| {
            let [line, column, ..] = location.span.as_slice() else { return None };
            let one_based = |number: &i32| usize::try_from(*number).ok()?.checked_add(1);
            Some((one_based(line)?, one_based(column)?))
        });
        Location { file: self.file.to_owned(), position }
    }

    /// The comments before and after an item, as lines of safe rustdoc.
    pub(super) fn docs(&self, path: &[i32]) -> Vec<String> {
        self.locations.get(path).map_or_else(Vec::new, |location| {
            docs::from_comments(location.leading_comments(), location.trailing_comments())
        })
    }
}
