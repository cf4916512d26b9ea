//! Which calls an expectation means: what has to hold for them.

use std::time::Duration;

use bytes::Bytes;
use tonic::metadata::MetadataMap;

use super::{
    kind::{Kind, Peek},
    message::AnyMessage,
    pattern::{Pattern, Report},
};

/// Something that must hold for a call.
pub(crate) trait Condition: Send + Sync {
    /// How much of the requests it has to see.
    fn peek(&self) -> Peek;

    /// As it stands behind "calls": `with AddRequest { a: 1 }`.
    fn describe(&self) -> String;

    fn check(&self, view: &CallView<'_>, report: &mut Report);
}

/// What conditions look at.
#[derive(Clone, Copy)]
pub(crate) struct CallView<'a> {
    pub(crate) requests: &'a [AnyMessage],
    pub(crate) metadata: &'a MetadataMap,
    pub(crate) deadline: Option<Duration>,
}

pub(super) struct RequestCondition<K: Kind> {
    pub(super) word: &'static str,
    pub(super) pattern: Pattern<K::Matched>,
}

impl<K: Kind> Condition for RequestCondition<K> {
    fn peek(&self) -> Peek {
        K::PEEK
    }

    fn describe(&self) -> String {
        format!("{} {}", self.word, self.pattern.describe())
    }

    fn check(&self, view: &CallView<'_>, report: &mut Report) {
        K::look(view.requests, &mut |requests| self.pattern.check(requests, report));
    }
}

pub(super) struct MetadataCondition {
    pub(super) key: &'static str,
    pub(super) pattern: Pattern<String>,
}

impl Condition for MetadataCondition {
    fn peek(&self) -> Peek {
        Peek::Nothing
    }

    fn describe(&self) -> String {
        format!("with metadata {}: {}", self.key, self.pattern.describe())
    }

    fn check(&self, view: &CallView<'_>, report: &mut Report) {
        let values = view.metadata.get_all(self.key).iter();
        let texts = values.map(|it| String::from_utf8_lossy(it.as_encoded_bytes()).into_owned());
        entry(self.key, &self.pattern, &texts.collect::<Vec<_>>(), report);
    }
}

pub(super) struct BinaryMetadataCondition {
    pub(super) key: &'static str,
    pub(super) pattern: Pattern<Bytes>,
}

impl Condition for BinaryMetadataCondition {
    fn peek(&self) -> Peek {
        Peek::Nothing
    }

    fn describe(&self) -> String {
        format!("with metadata {}: {}", self.key, self.pattern.describe())
    }

    fn check(&self, view: &CallView<'_>, report: &mut Report) {
        let values = view.metadata.get_all_bin(self.key).iter();
        let values = values.filter_map(|value| value.to_bytes().ok()).collect::<Vec<_>>();
        entry(self.key, &self.pattern, &values, report);
    }
}

fn entry<T>(key: &str, pattern: &Pattern<T>, values: &[T], report: &mut Report) {
    if !values.iter().any(|value| pattern.matches(Some(value))) {
        report.field(format_args!("metadata {key}"), |report| {
            pattern.check(values.first(), report);
        });
    }
}

pub(super) struct DeadlineCondition(pub(super) Pattern<Duration>);

impl Condition for DeadlineCondition {
    fn peek(&self) -> Peek {
        Peek::Nothing
    }

    fn describe(&self) -> String {
        format!("with deadline: {}", self.0.describe())
    }

    fn check(&self, view: &CallView<'_>, report: &mut Report) {
        let deadline = view.deadline.as_ref();
        report.field("deadline", |report| self.0.check(deadline, report));
    }
}
