//! Calls that are answered by a script.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Sleep;
use tonic::{Extensions, Response, Status, metadata::MetadataMap};

use super::{
    core::Core,
    explain,
    inbound::{Inbound, Incoming},
    message::{AnyMessage, Content},
    pattern::{Report, shown},
    place::Place,
    script::{Action, RequestCheck, ScriptProgress, ScriptStep, Steps},
    timer::{self, Patience},
};
use crate::call::streaming::{Source, Streaming};

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
        self.core.fail(explain::script(&self.progress, problem))
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
