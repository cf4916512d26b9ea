//! Holding a tape against a server.

use std::{future::poll_fn, path::Path};

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status};

use super::{
    error::TapeError,
    line::{Encoded, TapeLine, metadata},
    replay::lines,
    trace::Event,
};
use crate::{
    call::{
        method::{MethodDescriptor, ServiceDescriptor},
        streaming::Streaming,
    },
    client::direct::{Direct, DirectServer},
    mock::{
        explain,
        message::{AnyMessage, Content},
        method::Method,
        mocked::Mocked,
        pattern::{Report, shown},
        record::Outcome,
    },
    server::{dispatch::Dispatch, service::ServiceServer},
};

/// Makes the calls of the tape of `M` at `path` to `server`, one after the other, and compares what comes
/// back with what the tape has: messages and status, not metadata.
///
/// # Errors
/// When the tape cannot be read, or lists all the differences.
pub async fn verify_tape<M, D, S>(
    path: impl AsRef<Path>,
    server: ServiceServer<D, S>,
) -> Result<(), TapeError>
where
    M: Mocked,
    D: Dispatch<S>,
    S: Send + Sync + ?Sized + 'static,
{
    verify(path.as_ref(), (M::SERVICE, M::METHODS), &server.served).await
}

async fn verify(
    path: &Path,
    (service, methods): (&'static ServiceDescriptor, &[Method]),
    server: &dyn DirectServer,
) -> Result<(), TapeError> {
    let mut problems = Vec::new();
    for (number, position, line) in lines(path, service)? {
        let descriptor = &service.methods[position];
        let call = ReplayedCall { descriptor, method: &methods[position], line: &line };
        if let Err(problem) = call.run(server).await {
            let method = explain::full_name(descriptor);
            problems.push(format!("{}:{number}: {method}\n{problem}", path.display()));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(TapeError::differences(&problems)),
    }
}

/// A call of a tape that is made again.
struct ReplayedCall<'a> {
    descriptor: &'static MethodDescriptor,
    method: &'a Method,
    line: &'a TapeLine,
}

impl ReplayedCall<'_> {
    async fn run(&self, server: &dyn DirectServer) -> Result<(), String> {
        let (requests, content) = self.requests()?;
        let mut request = Request::new(content);
        *request.metadata_mut() = metadata(&self.line.metadata);
        if let Some(deadline) = self.line.deadline {
            request.set_timeout(deadline);
        }
        let call = Direct::without_interceptors(server, self.descriptor, request.metadata_mut());
        let call = call.map_err(|status| said(&status))?;
        let response = call.erased(self.method, request);
        // The requests that the tape has before the first response are what it waits for.
        let mut dialogue = Dialogue { call: self, requests, events: self.line.events.iter() };
        dialogue.send();
        match response.await.map(tonic::Response::into_inner) {
            Err(status) => dialogue.end(&Err(status)),
            Ok(Content::One(message)) => {
                dialogue.received(&message)?;
                dialogue.end(&Ok(()))
            }
            Ok(Content::Many(responses)) => dialogue.go_on(responses).await,
        }
    }

    /// The requests of a call that streams them are sent while it goes on.
    fn requests(&self) -> Result<(Option<TapedRequests>, Content), String> {
        if self.descriptor.kind.streams_requests() {
            let (sender, receiver) = mpsc::unbounded_channel();
            let requests = Streaming::new(UnboundedReceiverStream::new(receiver));
            return Ok((Some(sender), Content::Many(requests)));
        }
        let mut requests = self.line.events.iter().filter_map(|event| match event {
            Event::Request(message) => Some(message),
            _ => None,
        });
        let request = requests.next().ok_or("the tape has no request")?;
        Ok((None, Content::One(request.decode(self.method.decode_taped_request)?)))
    }
}

type TapedRequests = mpsc::UnboundedSender<Result<AnyMessage, Status>>;

/// A call, event by event.
struct Dialogue<'a> {
    call: &'a ReplayedCall<'a>,
    /// Until they have ended.
    requests: Option<TapedRequests>,
    events: std::slice::Iter<'a, Event<Encoded>>,
}

impl Dialogue<'_> {
    /// Sends what the tape has before the next response.
    fn send(&mut self) {
        while let Some(Event::Request(_) | Event::End) = self.events.as_slice().first() {
            match (self.events.next(), &self.requests) {
                (Some(Event::Request(message)), Some(requests)) => {
                    let message = message.decode(self.call.method.decode_taped_request);
                    // A server that has stopped reading says so with its status.
                    let _ = requests.send(message.map_err(Status::internal));
                }
                (Some(Event::End), _) => self.requests = None,
                _ => {}
            }
        }
    }

    async fn go_on(mut self, mut responses: Streaming<AnyMessage>) -> Result<(), String> {
        while let Some(Event::Response(_)) = self.events.as_slice().first() {
            match poll_fn(|cx| responses.poll_message(cx)).await {
                Some(Ok(message)) => self.received(&message)?,
                Some(Err(status)) => return self.end(&Err(status)),
                None => return self.end(&Ok(())),
            }
            self.send();
        }
        if self.call.line.outcome.is_cancelled() {
            return Ok(());
        }
        self.requests = None;
        match poll_fn(|cx| responses.poll_message(cx)).await {
            Some(Ok(message)) => Err(format!("got a further response: {}", shown(&message))),
            Some(Err(status)) => self.end(&Err(status)),
            None => self.end(&Ok(())),
        }
    }

    /// Compares a response with the next one of the tape.
    fn received(&mut self, message: &AnyMessage) -> Result<(), String> {
        let Some(Event::Response(expected)) = self.events.next() else {
            return Err(format!("got a further response: {}", shown(message)));
        };
        let expected = expected.decode(self.call.method.decode_taped_response)?;
        let mut report = Report::explaining();
        self.call.method.compare_response.check(&expected, Some(message), &mut report);
        match report.has_failed() {
            false => Ok(()),
            true => Err(explain::reasons(report)),
        }
    }

    /// Compares how the call has ended with what the tape has.
    fn end(mut self, ended: &Result<(), Status>) -> Result<(), String> {
        let missing = self.events.any(|event| matches!(event, Event::Response(_)));
        let got = match ended {
            Ok(()) => "the call ended well".to_owned(),
            Err(status) => format!("the call failed with {}", said(status)),
        };
        match (&self.call.line.outcome, ended) {
            _ if missing => Err(format!("expected a further response, but {got}")),
            (Outcome::Ok, Ok(())) => Ok(()),
            (Outcome::Ok, Err(_)) => Err(format!("expected the call to end well, but {got}")),
            (Outcome::Failed(expected), Err(status))
                if expected.code() == status.code() && expected.message() == status.message() =>
            {
                Ok(())
            }
            (Outcome::Failed(expected), _) => {
                Err(format!("expected a failure with {}, but {got}", said(expected)))
            }
            (Outcome::Cancelled | Outcome::Pending, _) => Ok(()),
        }
    }
}

fn said(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
