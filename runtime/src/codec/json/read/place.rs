//! What is wrong with JSON, and where: the place is put together while the reader goes back.

use serde::de::Error;
use tonic::Status;

use super::reader::{Failure, JsonReader, Slot};
use crate::{
    call::excerpt::{self, quoted},
    codec::json::{
        scalar::Scalar,
        types::{FieldKind, FieldType},
    },
};

/// The longest place that is told, in bytes. Of others, the end is.
const MAX_PLACE: usize = 256;
/// What a place begins with of which only the end is told.
const CUT: char = '…';

impl JsonReader<'_> {
    /// The status for `error`, which ended the reading.
    #[cold]
    pub(super) fn status(&mut self, error: &serde_json::Error) -> Status {
        Status::invalid_argument(match self.failure.take() {
            None => format!("the message is not JSON: {error}"),
            Some(Failure { place, problem }) if place.is_empty() => problem,
            Some(Failure { place, problem }) => format!("{place}: {problem}"),
        })
    }

    #[cold]
    pub(super) fn fail<E: Error>(&mut self, problem: String) -> E {
        let error = E::custom(&problem);
        self.failure = Some(Failure { place: String::new(), problem });
        error
    }

    #[cold]
    pub(super) fn mismatch<E: Error>(&mut self, slot: Slot<'_>, found: &str) -> E {
        let expected = match slot {
            Slot::Single(target) => self.types.name_of(target.kind),
            Slot::List(field) | Slot::Map(field) => self.types.name_of_values(field),
        };
        self.fail(format!("expected {expected}, got {found}"))
    }

    #[cold]
    pub(super) fn wrong_key<E: Error>(&mut self, kind: FieldKind, key: &str) -> E {
        let expected = self.types.name_of(kind);
        self.fail(format!("expected keys of {expected}, got {}", quoted(key)))
    }

    /// Adds to the place that it is in this field, which is called `name` there.
    #[cold]
    pub(super) fn enter_field(&mut self, field: &FieldType, name: &str) {
        self.hide_secrets(field);
        self.enter(name);
    }

    /// Forgets what is wrong inside of a field that nobody may see.
    #[cold]
    pub(super) fn hide_secrets(&mut self, field: &FieldType) {
        if let Some(failure) = self.failure.as_mut().filter(|_| field.is_redacted) {
            failure.place.clear();
            failure.problem = format!("expected {}", self.types.name_of_values(field));
        }
    }

    /// Adds to the place that it is in what is called so.
    #[cold]
    pub(super) fn enter(&mut self, name: &str) {
        self.extend_place(&excerpt::name(name));
    }

    #[cold]
    pub(super) fn enter_index(&mut self, index: usize) {
        self.extend_place(&format!("[{index}]"));
    }

    #[cold]
    pub(super) fn enter_key(&mut self, key: &str) {
        self.extend_place(&format!("[{}]", quoted(key)));
    }

    /// Adds to the place that it is in `outer`.
    fn extend_place(&mut self, outer: &str) {
        let Some(Failure { place, .. }) = &mut self.failure else { return };
        if place.len() <= MAX_PLACE {
            let dot = if place.is_empty() || place.starts_with('[') { "" } else { "." };
            place.insert_str(0, &format!("{outer}{dot}"));
        } else if !place.starts_with(CUT) {
            place.insert(0, CUT);
        }
    }
}

/// A value that was found.
#[cold]
pub(super) fn shown(value: Scalar<'_>) -> String {
    match value {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Unsigned(value) => value.to_string(),
        Scalar::Signed(value) => value.to_string(),
        Scalar::Float(value) => format!("{value:?}"),
        Scalar::Text(value) | Scalar::Bare(value) => quoted(value),
    }
}
