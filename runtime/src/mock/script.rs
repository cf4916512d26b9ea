//! Calls that are answered step by step.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Sleep;
use tonic::{Extensions, Response, Status, metadata::MetadataMap};

use super::{
    IntoPattern, Message, Pattern,
    answer::Incoming,
    core::Core,
    entry::{check_failure, insert},
    explain,
    inbound::Inbound,
    message::{AnyMessage, Content},
    pattern::{Report, shown},
    plan::Place,
    timer::{self, Patience},
};
use crate::call::{
    method::MethodDescriptor,
    streaming::{Source, Streaming},
};

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
    header: MetadataMap,
    list: Vec<ScriptStep>,
    trailers: MetadataMap,
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
    place: Place,
    action: Action,
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
    method: &'static MethodDescriptor,
    steps: Arc<Steps>,
    next: usize,
}

impl ScriptProgress {
    /// Whether nothing is missing when it does not go on.
    pub(crate) fn may_stop(&self) -> bool {
        self.steps.list.get(self.next).is_none_or(|step| matches!(step.action, Action::Hang))
    }

    pub(crate) fn unfinished(&self) -> String {
        self.text("The script was not played to its end: the caller did not wait for this step.")
    }

    fn text(&self, problem: &str) -> String {
        let steps = &self.steps.list;
        let step = steps.get(self.next).map(|step| format!("{step:?}")).unwrap_or_default();
        explain::script(self.method, (self.next + 1, steps.len()), &step, problem)
    }
}

/// Begins to play `steps`.
pub(crate) fn play(
    core: &Arc<Core>,
    steps: &Arc<Steps>,
    incoming: Incoming,
) -> Result<Response<Content>, Status> {
    if let Some(ScriptStep { action: Action::Fail(status), .. }) = steps.list.first() {
        return Err(status.clone());
    }
    let method = &core.service.methods[incoming.head.method];
    let player = Player {
        core: Arc::clone(core),
        call: incoming.call,
        progress: ScriptProgress { method, steps: Arc::clone(steps), next: 0 },
        requests: incoming.requests,
        timer: None,
        patience: Patience::default(),
    };
    core.note(player.call, |record| record.script = Some(player.progress.clone()));
    let responses = Content::Many(Streaming::from_source(player));
    Ok(Response::from_parts(steps.header.clone(), responses, Extensions::new()))
}

/// What the caller has to do where a script gets no request.
const NO_REQUEST: &str = "The script waits for a request, and its caller for the response: the caller \
                          has to send one before it waits, or from a task, or the script has to \
                          `send` first";
/// The same where it gets no end of them.
const NO_END: &str = "The script waits for the end of the requests, and its caller for what comes \
                      behind it: the caller has to end them before it waits";

/// The responses of a script.
struct Player {
    core: Arc<Core>,
    call: usize,
    progress: ScriptProgress,
    requests: Inbound,
    timer: Option<Pin<Box<Sleep>>>,
    patience: Patience,
}

impl Source<AnyMessage> for Player {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        let this = &mut *self;
        let steps = Arc::clone(&this.progress.steps);
        while let Some(step) = steps.list.get(this.progress.next) {
            let response = match ready!(this.poll_step(step, cx)) {
                Ok(response) => response,
                Err(problem) => return Poll::Ready(Some(Err(this.stop(&problem)))),
            };
            this.advance();
            if response.is_some() {
                return Poll::Ready(response);
            }
        }
        Poll::Ready(None)
    }

    fn take_trailers(self: Pin<&mut Self>) -> MetadataMap {
        self.progress.steps.trailers.clone()
    }
}

/// What a step gives the caller, if it gives anything, or a problem.
type Stepped = Result<Option<Result<AnyMessage, Status>>, String>;

impl Player {
    fn poll_step(&mut self, step: &ScriptStep, cx: &mut Context<'_>) -> Poll<Stepped> {
        Poll::Ready(match &step.action {
            Action::Send(response) => Ok(Some(Ok(response.clone()))),
            Action::Fail(status) => Ok(Some(Err(status.clone()))),
            Action::Hang => return self.poll_hanging(&step.place, cx),
            Action::Wait(time) => ready!(self.poll_timer(*time, cx)).map(|()| None),
            Action::Expect { check, .. } => {
                expected(ready!(self.poll_request(NO_REQUEST, cx))?, check).map(|()| None)
            }
            Action::ExpectEnd => match ready!(self.poll_request(NO_END, cx))? {
                Some(extra) => Err(format!("got {}", outcome(extra))),
                None => Ok(None),
            },
        })
    }

    /// The next request, or what to make of it that none comes.
    fn poll_request(
        &mut self,
        advice: &str,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Result<AnyMessage, Status>>, String>> {
        if let Poll::Ready(request) = self.requests.poll_next(cx) {
            self.patience.renew();
            return Poll::Ready(Ok(request));
        }
        let waited = ready!(self.patience.poll(cx));
        Poll::Ready(Err(format!("got nothing for {waited}. {advice}")))
    }

    /// Does nothing any more, and says so where that holds up the test.
    fn poll_hanging<T>(&mut self, place: &Place, cx: &mut Context<'_>) -> Poll<T> {
        if self.core.holds_up_test() {
            let waited = ready!(self.patience.poll(cx));
            self.core.hint(explain::hangs(self.progress.method, place, waited));
        }
        Poll::Pending
    }

    fn advance(&mut self) {
        self.progress.next += 1;
        let next = self.progress.next;
        self.core.note(self.call, |record| {
            if let Some(progress) = &mut record.script {
                progress.next = next;
            }
        });
    }

    /// Reports a problem with the step that is due, which ends the script.
    fn stop(&mut self, problem: &str) -> Status {
        self.core.note(self.call, |record| record.script = None);
        self.core.fail(self.progress.text(problem))
    }

    fn poll_timer(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            None => self.timer.insert(Box::pin(timer::sleep("`wait`", time)?)),
        };
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(Ok(()))
    }
}

/// Whether the request is what a step expects, or why not.
fn expected(
    request: Option<Result<AnyMessage, Status>>,
    check: &RequestCheck,
) -> Result<(), String> {
    let request = match request {
        Some(Ok(request)) => request,
        Some(failed) => return Err(format!("got {}", outcome(failed))),
        None => return Err("got the end of the requests".to_owned()),
    };
    let mut report = Report::explaining();
    check(&request, &mut report);
    match report.has_failed() {
        false => Ok(()),
        true => Err(format!("got {}\n{}", shown(&request), explain::reasons(report))),
    }
}

fn outcome(request: Result<AnyMessage, Status>) -> String {
    match request {
        Ok(request) => shown(&request),
        Err(status) => {
            format!("a failure of the requests, {:?}: {}", status.code(), status.message())
        }
    }
}
