//! What is kept off tapes.

use std::sync::Arc;

use crate::mock::{
    message::{AnyMessage, Message},
    method,
};

/// What stands on a tape for a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// What the names of metadata have in them that is secret.
const PARTS: [&str; 9] =
    ["auth", "cookie", "credential", "jwt", "key", "passw", "secret", "session", "token"];

/// Which entries and messages are changed before they are written.
#[derive(Clone, Default)]
pub(super) struct Redaction {
    hidden: Vec<String>,
    kept: Vec<String>,
    keeps_fields: bool,
    changes: Vec<Change>,
}

/// Makes another message of one that it knows.
type Change = Arc<dyn Fn(&AnyMessage) -> Option<AnyMessage> + Send + Sync>;

impl Redaction {
    pub(super) fn hide(&mut self, key: &str) {
        self.hidden.push(key.to_ascii_lowercase());
    }

    pub(super) fn keep(&mut self, key: &str) {
        self.kept.push(key.to_ascii_lowercase());
    }

    pub(super) fn keep_fields(&mut self) {
        self.keeps_fields = true;
    }

    pub(super) fn change<M: Message>(&mut self, change: impl Fn(&mut M) + Send + Sync + 'static) {
        self.changes.push(Arc::new(move |message| {
            let mut message = message.view::<M>()?.clone();
            change(&mut message);
            Some(AnyMessage::new(message))
        }));
    }

    pub(super) fn hides(&self, key: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|name| name == key);
        let looks_secret = PARTS.iter().any(|part| key.contains(part));
        has(&self.hidden) || (looks_secret && !has(&self.kept))
    }

    /// A message as it is written; `marked` takes out of it what the proto marks.
    pub(super) fn message(&self, message: &AnyMessage, marked: method::RedactFn) -> AnyMessage {
        let unchanged = message.clone();
        let changes = self.changes.iter();
        let changed =
            changes.fold(unchanged, |message, change| change(&message).unwrap_or(message));
        match self.keeps_fields {
            true => changed,
            false => marked(&changed),
        }
    }
}
