//! What a connection, its I/O and the call on it know of each other.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Context,
};

use tonic::Status;

use crate::{
    call::{dropped::drop_ended, panics::drop_catching_panics},
    protocol::http_body::HttpBody,
};

/// The state of a connection, which its parts share.
///
/// They are all polled by the connection's task, so the lock is never contended. It is not held while user code runs:
/// bodies are taken out first.
#[derive(Clone, Default)]
pub(super) struct Http1State(Arc<Mutex<StateFields>>);

#[derive(Default)]
struct StateFields {
    /// How many calls there have been.
    calls: u64,
    /// Whether the last of them has not ended.
    has_call: bool,
    /// Whether something was read since it began that is not its own.
    has_begun_head: bool,
    /// Whether something written was not flushed.
    is_writing: bool,
    /// The response's, unless it is just being polled.
    body: Option<HttpBody>,
    /// What the server ends the call with.
    given_up: Option<Status>,
}

/// What a connection waits for. Its timer is for one such wait, so they are told apart by the number of calls before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// For the next request, if there is to be one.
    Idle { calls: u64 },
    /// For the rest of a request's head.
    ReadingHead { calls: u64 },
    /// For a call, or for the client to read the response.
    Serving,
}

impl Http1State {
    pub(super) fn activity(&self) -> Activity {
        let state = self.lock();
        let calls = state.calls;
        match (state.has_call || state.is_writing, state.has_begun_head) {
            (true, _) => Activity::Serving,
            (false, true) => Activity::ReadingHead { calls },
            (false, false) => Activity::Idle { calls },
        }
    }

    /// Something was read. While a call is in progress, it is part of that one, or it is read too early to matter.
    pub(super) fn note_read(&self) {
        let state = &mut *self.lock();
        state.has_begun_head |= !state.has_call;
    }

    /// Something was written, or else all of it was flushed.
    pub(super) fn note_write(&self, is_flushed: bool) {
        self.lock().is_writing = !is_flushed;
    }

    /// The head of a request was read.
    pub(super) fn start_call(&self) {
        let state = &mut *self.lock();
        state.calls += 1;
        (state.has_call, state.has_begun_head) = (true, false);
    }

    /// The response, all of which was handed to hyper, or whose rest nobody wants.
    pub(super) fn end_call(&self) {
        self.drop_call(self.take_body());
        self.lock().has_call = false;
    }

    /// Drops `call`, or a part of it, before or after its end.
    pub(super) fn drop_call<T>(&self, call: T) {
        match self.given_up() {
            Some(status) => drop_ended(call, &status),
            None => drop_catching_panics(call),
        }
    }

    pub(super) fn put_body(&self, body: HttpBody) {
        self.lock().body = Some(body);
    }

    pub(super) fn take_body(&self) -> Option<HttpBody> {
        self.lock().body.take()
    }

    /// What `ask` says of the body. None if it was dropped.
    pub(super) fn of_body<T>(&self, ask: impl FnOnce(&HttpBody) -> T) -> Option<T> {
        self.lock().body.as_ref().map(ask)
    }

    /// Ends the call with `status` once it is polled.
    pub(super) fn give_up(&self, status: Status) {
        self.lock().given_up = Some(status);
    }

    /// Like [`given_up`](Self::given_up), once: what is answered with it may have a body, which does not end again.
    pub(super) fn take_given_up(&self) -> Option<Status> {
        self.lock().given_up.take()
    }

    pub(super) fn given_up(&self) -> Option<Status> {
        self.lock().given_up.clone()
    }

    /// Ends the response when its deadline has passed, though the client may not read it: then, hyper does not poll it.
    pub(super) fn expire(&self, cx: &mut Context<'_>) {
        if let Some(mut body) = self.take_body() {
            body.poll_expired(cx);
            self.put_body(body);
        }
    }

    fn lock(&self) -> MutexGuard<'_, StateFields> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
