//! A stream of requests that may have to be sent once more.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    vec,
};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;

use crate::wire::{body::Body, http_body::HttpBody};

/// How many bytes are kept to be sent again: a call that has sent more is not made again.
const KEPT: usize = 64 * 1024;

/// The requests of a call, with those that have been sent, as long as they may be wanted again.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<State>>);

struct State {
    unsent: HttpBody,
    /// None when they were too many, or are not wanted any more.
    sent: Option<Sent>,
    attempt: usize,
}

#[derive(Default)]
struct Sent {
    chunks: Vec<Bytes>,
    size: usize,
}

impl Requests {
    pub(super) fn new(body: Body) -> Self {
        let unsent = HttpBody::request(body);
        Self(Arc::new(Mutex::new(State { unsent, sent: Some(Sent::default()), attempt: 0 })))
    }

    /// Ends the current attempt, in favour of another one. Says whether that has all requests.
    pub(super) fn rewind(&self) -> bool {
        let mut state = self.state();
        state.attempt += 1;
        state.sent.is_some()
    }

    /// All of them, to be sent.
    pub(super) fn attempt(&self) -> Attempt {
        let state = self.state();
        let again = state.sent.as_ref().map_or_else(Vec::new, |sent| sent.chunks.clone());
        Attempt { requests: self.clone(), number: state.attempt, again: again.into_iter() }
    }

    /// There will be no other attempt.
    pub(super) fn settle(&self) {
        self.state().sent = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, data: &Bytes) {
        let Some(sent) = &mut self.sent else { return };
        sent.size += data.len();
        sent.chunks.push(data.clone());
        if sent.size > KEPT {
            self.sent = None;
        }
    }
}

/// The body of one attempt to make the call.
pub(super) struct Attempt {
    requests: Requests,
    number: usize,
    /// What an attempt before has sent.
    again: vec::IntoIter<Bytes>,
}

impl http_body::Body for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(chunk) = self.again.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let mut state = self.requests.state();
        if state.attempt != self.number {
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut state.unsent).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            state.keep(data);
        }
        Poll::Ready(frame)
    }
}
