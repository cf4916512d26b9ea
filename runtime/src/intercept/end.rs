//! How a call has ended, for interceptors that want to know.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;
use tonic::{Code, Status, metadata::MetadataMap};

use super::call::Role;
use crate::{
    call::{
        deadline,
        dropped::ended_with,
        observer::{BoxObserver, MessageObserver},
        panics::catch_panic,
    },
    protocol::message_counter::{MessageCount, MessageCounter},
};

/// How a call has ended. [`Next::on_end`](crate::Next::on_end) gives it to interceptors.
#[derive(Debug)]
pub struct CallEnd<'a> {
    ended: Result<&'a MetadataMap, &'a Status>,
    requests: MessageCount,
    responses: MessageCount,
}

impl CallEnd<'_> {
    /// The status code. For a call that the client or an interceptor dropped before it ended, `DeadlineExceeded` if
    /// its deadline had passed or was about to, otherwise `Cancelled`; for one that the server ended, because it shut
    /// down or the connection grew too old, the status that the client gets.
    pub fn code(&self) -> Code {
        self.ended.map_or_else(Status::code, |_| Code::Ok)
    }

    /// The status of a call that has failed.
    pub fn error(&self) -> Option<&Status> {
        self.ended.err()
    }

    /// The trailers; of a call that has failed, the metadata of its status.
    pub fn trailers(&self) -> &MetadataMap {
        self.ended.unwrap_or_else(Status::metadata)
    }

    /// The requests that have passed. Those of a call that the server has ended early may still be on their
    /// way.
    pub fn requests(&self) -> MessageCount {
        self.requests
    }

    /// The responses that have passed.
    pub fn responses(&self) -> MessageCount {
        self.responses
    }
}

/// What is done at the end of a call.
pub(crate) type EndFn = Box<dyn FnOnce(&CallEnd<'_>) + Send>;

/// Counts the messages of a call, and tells how it has ended.
pub(crate) struct EndObserver {
    /// None once it has told.
    tell: Option<EndFn>,
    deadline: Option<Instant>,
    role: Role,
    requests: Arc<Mutex<MessageCounter>>,
    responses: MessageCounter,
}

impl EndObserver {
    /// Observes a call on the side `role`.
    pub(crate) fn new(tell: EndFn, role: Role, deadline: Option<Instant>) -> Self {
        let (requests, responses) = (Arc::default(), MessageCounter::default());
        Self { tell: Some(tell), deadline, role, requests, responses }
    }

    /// What counts the requests.
    pub(crate) fn of_requests(&self) -> BoxObserver {
        Box::new(RequestObserver(Arc::clone(&self.requests)))
    }
}

impl MessageObserver for EndObserver {
    fn on_data(&mut self, data: &[u8]) {
        self.responses.push(data);
    }

    fn on_message(&mut self) {
        self.responses.push_message();
    }

    fn on_end(&mut self, ended: Result<&MetadataMap, &Status>) {
        let Some(tell) = self.tell.take() else { return };
        let requests = count(&self.requests);
        let end = CallEnd { ended, requests, responses: self.responses.count() };
        // The call is over, whatever the interceptor does; and this may be called by a destructor.
        let _panic = catch_panic(|| tell(&end));
    }
}

impl Drop for EndObserver {
    fn drop(&mut self) {
        if self.tell.is_some() {
            let ended_by_server = match self.role {
                Role::Server => ended_with(),
                // Of whoever is served by that, not of this call.
                Role::Client => None,
            };
            let status = match (ended_by_server, self.deadline) {
                (Some(status), _) => status,
                (None, Some(deadline)) if deadline::is_near(deadline) => deadline::exceeded(),
                (None, _) => Status::cancelled("the call was cancelled"),
            };
            self.on_end(Err(&status));
        }
    }
}

impl fmt::Debug for EndObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndObserver")
            .field("has_told", &self.tell.is_none())
            .finish_non_exhaustive()
    }
}

/// Counts requests. Locked by the side of a call that sends or reads them, and once by the other at the end:
/// nothing waits for it.
struct RequestObserver(Arc<Mutex<MessageCounter>>);

impl MessageObserver for RequestObserver {
    fn on_data(&mut self, data: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(data);
    }

    fn on_message(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_message();
    }

    fn on_end(&mut self, _ended: Result<&MetadataMap, &Status>) {}
}

fn count(requests: &Mutex<MessageCounter>) -> MessageCount {
    requests.lock().unwrap_or_else(PoisonError::into_inner).count()
}
