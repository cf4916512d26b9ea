//! Writing tapes.

use std::{
    fmt,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    error::TapeError,
    line::{TapeLine, entries},
    redaction::Redaction,
};
use crate::{
    call::{
        method::ServiceDescriptor,
        panics::{self, catch_panic},
    },
    mock::{message::Message, method::Method, record::Record},
};

/// What a mock writes its calls to, each when it is over.
///
/// Metadata whose name looks like a secret's, such as `authorization` or `x-api-key`, is left out,
/// and so are fields that the proto marks with `debug_redact` (see [`Redact`](crate::Redact));
/// these functions say what else is, or is not.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("calculator-{}.jsonl", std::process::id()));
/// let mock = MockCalculator::new();
/// mock.on_add().returns(AddResponse { result: 8 });
/// let tape = mock.record(&path)?;
/// let _ = tape.hide_metadata("x-tenant").redact(|request: &mut AddRequest| request.b = 0);
/// mock.client().add(AddRequest { a: 5, b: 3 }).await?;
///
/// let replayed = MockCalculator::replay(&path)?;
/// let sum = replayed.client().add(AddRequest { a: 5, b: 0 }).await?;
/// assert_eq!(sum.into_inner().result, 8);
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it changes nothing: the calls are recorded all the same"]
pub struct Tape(Arc<Recorder>);

impl Tape {
    pub(crate) fn create(
        path: &Path,
        methods: &'static [Method],
    ) -> Result<(Self, Arc<Recorder>), TapeError> {
        let file = File::create(path).map_err(|error| TapeError::io("create", path, error))?;
        let recorder = Arc::new(Recorder {
            path: path.to_owned(),
            methods,
            file: Mutex::new(file),
            redaction: Mutex::default(),
        });
        Ok((Self(Arc::clone(&recorder)), recorder))
    }

    /// Leaves out metadata called `key`, as if it looked like a secret.
    pub fn hide_metadata(self, key: &str) -> Self {
        self.redaction(|redaction| redaction.hide(key))
    }

    /// Writes metadata called `key`, though it looks like a secret.
    pub fn keep_metadata(self, key: &str) -> Self {
        self.redaction(|redaction| redaction.keep(key))
    }

    /// Writes fields, though the proto marks them with `debug_redact`. What tapes have of them is
    /// an answer when the tape is replayed, and is not compared.
    pub fn keep_redacted_fields(self) -> Self {
        self.redaction(Redaction::keep_fields)
    }

    /// Changes messages of this type before they are written.
    ///
    /// ```
    /// # use rust_scaffold::mock::Tape;
    /// # fn set_up(tape: Tape) {
    /// // Of a generated message, it would be `|login: &mut Login| login.password.clear()`.
    /// let _ = tape.redact(|text: &mut String| text.clear());
    /// # }
    /// ```
    pub fn redact<M: Message>(self, change: impl Fn(&mut M) + Send + Sync + 'static) -> Self {
        self.redaction(|redaction| redaction.change(change))
    }

    fn redaction(self, act: impl FnOnce(&mut Redaction)) -> Self {
        act(&mut self.0.redaction.lock().unwrap_or_else(PoisonError::into_inner));
        self
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("path", &self.0.path).finish_non_exhaustive()
    }
}

pub(crate) struct Recorder {
    path: PathBuf,
    methods: &'static [Method],
    file: Mutex<File>,
    redaction: Mutex<Redaction>,
}

impl Recorder {
    /// Writes a call that is over, or says why it cannot.
    pub(crate) fn write(&self, service: &ServiceDescriptor, call: &Record) -> Result<(), String> {
        let Some(trace) = &call.trace else { return Ok(()) };
        let redaction = self.redaction.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let method = &self.methods[call.method];
        let events = trace.events.iter().map(|event| event.redacted(&redaction, method));
        let events = catch_panic(|| events.collect::<Vec<_>>()).map_err(|panic| {
            let (path, panic) = (self.path.display(), panics::text(&*panic));
            format!("a closure of `redact` panicked: {panic}\nThe tape {path} is without the call.")
        })?;
        let line = TapeLine {
            method: service.methods[call.method].path.to_owned(),
            metadata: entries(&call.metadata, &redaction),
            deadline: call.deadline,
            header: entries(&trace.header, &redaction),
            events,
            trailers: entries(&trace.trailers, &redaction),
            outcome: call.outcome.clone(),
        };
        let text = format!("{}\n", line.to_json());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes())
            .map_err(|error| format!("cannot write the tape {}: {error}", self.path.display()))
    }
}
