//! What a mock remembers of its calls.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Extensions, Status, metadata::MetadataMap};

use super::{
    condition::CallView,
    message::{AnyMessage, Message},
    place::Place,
    script::ScriptProgress,
    tape::trace::Trace,
};

/// A call that a mock has got.
///
/// ```
/// # use rust_scaffold::mock::Call;
/// # fn look(calls: Vec<Call<i32>>) {
/// assert_eq!(*calls[0].request(), 5);
/// assert!(calls[0].outcome.is_ok());
/// assert!(calls[0].metadata.get("x-tenant").is_some());
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call<Req> {
    /// The requests that have been read: one, unless the method takes a stream.
    pub messages: Vec<Req>,
    /// The metadata of the request.
    pub metadata: MetadataMap,
    /// The time that the caller has given the call (`grpc-timeout`).
    pub deadline: Option<Duration>,
    /// How the call went.
    pub outcome: Outcome,
    /// When it came in.
    pub started: Instant,
    /// When it was over.
    pub ended: Option<Instant>,
}

impl<Req> Call<Req> {
    /// The request, or the first one of a stream.
    ///
    /// # Panics
    /// When the caller has sent none, as it can where a stream is taken.
    #[track_caller]
    pub fn request(&self) -> &Req {
        self.messages.first().expect("the call has had a request")
    }
}

/// How a call went.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::{Code, Status};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockCalculator::new();
/// mock.on_add().fails(Status::unavailable("down"));
/// assert!(mock.client().add(AddRequest { a: 5, b: 3 }).await.is_err());
///
/// let outcome = &mock.add_calls()[0].outcome;
/// assert!(!outcome.is_ok() && !outcome.is_cancelled());
/// assert_eq!(outcome.code(), Some(Code::Unavailable));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is not over.
    Pending,
    /// It was answered; of a stream of responses, all were taken.
    Ok,
    /// It was answered with this status.
    Failed(Status),
    /// The caller went away, or its deadline passed, before the call was over.
    Cancelled,
}

impl Outcome {
    /// Whether the call was answered well.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Whether the caller did not wait for the end.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// The status code of a call that was answered.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Ok => Some(Code::Ok),
            Self::Failed(status) => Some(status.code()),
            Self::Pending | Self::Cancelled => None,
        }
    }
}

/// What a call brings besides its messages.
pub(crate) struct Head {
    pub(crate) method: usize,
    pub(crate) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(crate) deadline: Option<Duration>,
}

impl Head {
    pub(super) fn view<'a>(&'a self, requests: &'a [AnyMessage]) -> CallView<'a> {
        CallView { requests, metadata: &self.metadata, deadline: self.deadline }
    }
}

/// A [`Call`] whose messages have no type yet.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) method: usize,
    /// The first request stands apart, for most calls have no other.
    first: Option<AnyMessage>,
    rest: Vec<AnyMessage>,
    pub(crate) metadata: MetadataMap,
    pub(crate) deadline: Option<Duration>,
    pub(crate) outcome: Outcome,
    pub(crate) started: Instant,
    pub(crate) ended: Option<Instant>,
    /// The script that the call is answered by, while it has not been played to its end.
    pub(crate) script: Option<ScriptProgress>,
    /// Where the test said that it answers the call itself, until it accepts it. Boxed, as it is rare and
    /// every record is moved.
    pub(crate) offered: Option<Box<Place>>,
    /// What goes onto the tape, while there is one.
    pub(crate) trace: Option<Box<Trace>>,
}

impl Record {
    /// A call that comes in, with its one request, if that is how it comes.
    pub(crate) fn new(head: &Head, first: Option<AnyMessage>) -> Self {
        Self {
            method: head.method,
            first,
            rest: Vec::new(),
            metadata: head.metadata.clone(),
            deadline: head.deadline,
            outcome: Outcome::Pending,
            started: Instant::now(),
            ended: None,
            script: None,
            offered: None,
            trace: None,
        }
    }

    /// A call that is over as soon as it has come in.
    pub(crate) fn over(head: Head, request: AnyMessage, outcome: Outcome) -> Self {
        let now = Instant::now();
        Self {
            method: head.method,
            first: Some(request),
            rest: Vec::new(),
            metadata: head.metadata,
            deadline: head.deadline,
            outcome,
            started: now,
            ended: Some(now),
            script: None,
            offered: None,
            trace: None,
        }
    }

    pub(crate) fn push(&mut self, request: AnyMessage) {
        if let Some(trace) = &mut self.trace {
            trace.request(&request);
        }
        match self.first {
            None => self.first = Some(request),
            Some(_) => self.rest.push(request),
        }
    }

    /// Whether nothing is missing when the call does not go on.
    pub(crate) fn may_stop(&self) -> bool {
        self.offered.is_none() && self.script.as_ref().is_none_or(ScriptProgress::may_stop)
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = &AnyMessage> {
        self.first.iter().chain(&self.rest)
    }

    pub(crate) fn call<Req: Message>(&self) -> Call<Req> {
        Call {
            messages: self.requests().filter_map(AnyMessage::view::<Req>).cloned().collect(),
            metadata: self.metadata.clone(),
            deadline: self.deadline,
            outcome: self.outcome.clone(),
            started: self.started,
            ended: self.ended,
        }
    }
}
