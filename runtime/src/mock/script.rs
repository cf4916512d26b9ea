//! What happens in a call, step by step, as a test writes it.

use std::{fmt, marker::PhantomData, panic::Location, sync::Arc, time::Duration};

use tonic::{Status, metadata::MetadataMap};

use super::{
    entry::{check_failure, insert},
    message::{AnyMessage, Message},
    pattern::{IntoPattern, Pattern, Report, shown},
    place::Place,
};
use crate::call::method::MethodDescriptor;

/// A script without steps: what it plays ends well at once, without a message.
///
/// ```
/// # mod telemetry {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/streaming/expected/telemetry.rs"));
/// # }
/// # use telemetry::*;
/// # use rust_scaffold::{Code, Status, mock::script};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockTelemetry::new();
/// mock.expect_watch().script(script().send(Point::default()).fail(Status::data_loss("a node")));
///
/// let mut points = mock.client().watch(Query::default()).await?.into_inner();
/// assert_eq!(points.message().await?, Some(Point::default()));
/// assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);
/// # Ok(())
/// # }
/// ```
pub fn script<Req: Message, Res: Message>() -> Script<Req, Res> {
    Script { steps: Steps::default(), messages: PhantomData }
}

/// What happens in a call, step by step, for
/// [`Expectation::script`](super::Expectation::script).
///
/// The call ends well behind the last step. That the requests end is not implied: say
/// [`expect_end`](Self::expect_end). A script is played while the caller waits for the response
/// or reads its stream; one that is not played to its end fails the verification, unless it has
/// got to a [`hang`](Self::hang).
///
/// ```
/// # use std::time::Duration;
/// # use rust_scaffold::{Status, mock::{Script, ge, script}};
/// let countdown: Script<u32, u32> = script()
///     .header("x-speed", "slow")
///     .expect(ge(2))
///     .send(2)
///     .wait(Duration::from_secs(3600))
///     .send(1)
///     .fail(Status::aborted("hold"));
/// ```
pub struct Script<Req, Res> {
    steps: Steps,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<Req: Message, Res: Message> Script<Req, Res> {
    /// Adds to the metadata that the response begins with.
    ///
    /// # Panics
    /// When it stands behind a step that sends, fails or hangs; or for what is no metadata.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, key: &'static str, value: &str) -> Self {
        let begins =
            |step: &ScriptStep| !matches!(step.action, Action::Expect { .. } | Action::Wait(_));
        assert!(!self.steps.list.iter().any(begins), "a header comes before the first message");
        insert(&mut self.steps.header, key, value);
        self
    }

    /// Waits for the next request, which must be like `expected`.
    #[must_use]
    #[track_caller]
    pub fn expect(self, expected: impl IntoPattern<Req>) -> Self {
        let pattern: Pattern<Req> = expected.into_pattern();
        let description = pattern.describe();
        let check = Box::new(move |request: &AnyMessage, report: &mut Report| {
            pattern.check(request.view(), report);
        });
        self.step(Action::Expect { description, check })
    }

    /// Waits for the end of the requests.
    #[must_use]
    #[track_caller]
    pub fn expect_end(self) -> Self {
        self.step(Action::ExpectEnd)
    }

    /// Sends `response`.
    #[must_use]
    #[track_caller]
    pub fn send(self, response: Res) -> Self {
        self.step(Action::Send(AnyMessage::new(response)))
    }

    /// Lets `time` pass: virtual time, where the test's runtime has it.
    #[must_use]
    #[track_caller]
    pub fn wait(self, time: Duration) -> Self {
        self.step(Action::Wait(time))
    }

    /// Ends the call with `status`.
    ///
    /// # Panics
    /// For one with `Ok`: without a `fail`, the call ends well.
    #[must_use]
    #[track_caller]
    pub fn fail(self, status: Status) -> Self {
        check_failure(status.code());
        self.step(Action::Fail(status))
    }

    /// Does nothing any more, until the caller goes away.
    #[must_use]
    #[track_caller]
    pub fn hang(self) -> Self {
        self.step(Action::Hang)
    }

    /// Adds to the trailers that the call ends with, when it ends well.
    ///
    /// # Panics
    /// For what is no metadata.
    #[must_use]
    #[track_caller]
    pub fn trailer(mut self, key: &'static str, value: &str) -> Self {
        insert(&mut self.steps.trailers, key, value);
        self
    }

    #[track_caller]
    fn step(mut self, action: Action) -> Self {
        let is_over = |step: &ScriptStep| matches!(step.action, Action::Fail(_) | Action::Hang);
        assert!(!self.steps.list.iter().any(is_over), "nothing comes behind a `fail` or a `hang`");
        let place = Place::Code(Location::caller());
        self.steps.list.push(ScriptStep { place, action });
        self
    }

    pub(crate) fn into_steps(self) -> Steps {
        self.steps
    }
}

impl<Req, Res> fmt::Debug for Script<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.steps.list).finish()
    }
}

/// A [`Script`] without the types of its messages.
#[derive(Default)]
pub(crate) struct Steps {
    pub(super) header: MetadataMap,
    pub(super) list: Vec<ScriptStep>,
    pub(super) trailers: MetadataMap,
}

impl Steps {
    /// A script that answers `requests` with `responses`, as a tape has it.
    pub(crate) fn replay(header: MetadataMap, trailers: MetadataMap) -> Self {
        Self { header, list: Vec::new(), trailers }
    }

    pub(crate) fn push(&mut self, place: &Place, action: Action) {
        self.list.push(ScriptStep { place: place.clone(), action });
    }
}

pub(crate) struct ScriptStep {
    pub(super) place: Place,
    pub(super) action: Action,
}

pub(crate) enum Action {
    Expect { description: String, check: RequestCheck },
    ExpectEnd,
    Send(AnyMessage),
    Wait(Duration),
    Fail(Status),
    Hang,
}

pub(crate) type RequestCheck = Box<dyn Fn(&AnyMessage, &mut Report) + Send + Sync>;

impl fmt::Debug for ScriptStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Expect { description, .. } => write!(f, "expect {description}"),
            Action::ExpectEnd => f.write_str("expect the end of the requests"),
            Action::Send(response) => write!(f, "send {}", shown(response)),
            Action::Wait(time) => write!(f, "wait {time:?}"),
            Action::Fail(status) => write!(f, "fail with {:?}", status.code()),
            Action::Hang => f.write_str("hang"),
        }?;
        write!(f, " ({})", self.place)
    }
}

/// How far a script has got.
#[derive(Clone)]
pub(crate) struct ScriptProgress {
    pub(super) method: &'static MethodDescriptor,
    pub(super) steps: Arc<Steps>,
    pub(super) next: usize,
}

impl ScriptProgress {
    /// Whether nothing is missing when it does not go on.
    pub(crate) fn may_stop(&self) -> bool {
        self.steps.list.get(self.next).is_none_or(|step| matches!(step.action, Action::Hang))
    }
}
