//! The bytes of a call on an HTTP/2 stream, as far as its flow control lets them pass.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use http_body::Body as _;
use tonic::Status;

use super::{
    cancel_link::CancelLink,
    credit::{CreditedStream, Unreadable},
    grpc_status,
    header_list::Limit,
    http_body::HttpBody,
    status,
    stream_limiter::StreamPermit,
};

/// The largest window that HTTP/2 has.
pub(crate) const MAX_WINDOW: u32 = (1 << 31) - 1;
/// The smallest and the largest limit that HTTP/2 lets one set for frames.
pub(crate) const MIN_FRAME: u32 = 16 * 1024;
pub(crate) const MAX_FRAME: u32 = (1 << 24) - 1;

/// How much the other side of a connection may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The bytes of one call that may be under way, or wait for somebody to read them.
    pub(crate) stream_window: u32,
    /// Those of all calls of a connection.
    pub(crate) connection_window: u32,
    /// The memory that may be taken for what nobody reads, for which the window gets larger.
    pub(crate) max_unread: usize,
    pub(crate) max_frame_size: u32,
    pub(crate) max_header_list_size: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            stream_window: 1088 * 1024,
            connection_window: 4096 * 1024,
            max_unread: 64 * 1024 * 1024,
            max_frame_size: 1024 * 1024,
            max_header_list_size: 16 * 1024,
        }
    }
}

impl Sizes {
    /// The names of those that leave no room for a call when they are zero, and whether they are.
    pub(crate) fn zeros(&self) -> [(&'static str, bool); 3] {
        [
            ("initial_stream_window_size", self.stream_window == 0),
            ("initial_connection_window_size", self.connection_window == 0),
            ("max_header_list_size", self.max_header_list_size == 0),
        ]
    }

    /// What small DATA frames that nobody has read yet may cost, in h2's reckoning of 256 bytes for
    /// each of them: enough that a sender of messages of 16 bytes, which does not gather them, can
    /// fill the window of the connection. More of them is an attack, which ends the connection.
    pub(crate) fn data_frame_budget(&self) -> usize {
        (self.connection_window as usize).saturating_mul(12).max(self.max_unread)
    }
}

/// How much of one call is buffered for a connection that is slow to take it.
pub(crate) const SEND_BUFFER: usize = 512 * 1024;

/// What comes on a stream, with what lasts as long as somebody reads it.
pub(crate) struct ReceivedBody {
    stream: CreditedStream,
    /// What was read ahead of whoever reads, and is not all: most often, there is nothing.
    ahead: Option<Box<ReadAhead>>,
    link: CancelLink,
    awaiting: AwaitingHalfClose,
    /// How long trailers may be.
    header_limit: Limit,
    /// That of a response.
    permit: Option<StreamPermit>,
}

struct ReadAhead {
    first: Bytes,
    second: Option<Bytes>,
}

/// How far reading ahead has come.
pub(crate) enum Ahead {
    /// There is more than one piece of data.
    More,
    /// After no more than one piece, with these trailers, or with a status.
    Ended(Option<Bytes>, Result<Option<HeaderMap>, Status>),
}

/// Noted when somebody waits for the end of a request that is to be one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct AwaitingHalfClose(Option<Arc<AtomicBool>>);

impl AwaitingHalfClose {
    pub(crate) fn to_be_noted() -> Self {
        Self(Some(Arc::default()))
    }

    fn note(&self) {
        if let Some(awaiting) = &self.0 {
            awaiting.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was noted since this was asked last.
    pub(crate) fn take(&self) -> bool {
        self.0.as_ref().is_some_and(|awaiting| awaiting.swap(false, Ordering::Relaxed))
    }
}

impl ReceivedBody {
    pub(crate) fn request(stream: CreditedStream, awaiting: AwaitingHalfClose) -> Self {
        Self {
            stream,
            ahead: None,
            link: CancelLink::default(),
            awaiting,
            // Those of requests say nothing to anybody.
            header_limit: Limit::Ours(u32::MAX),
            permit: None,
        }
    }

    pub(crate) fn response(
        stream: CreditedStream,
        header_limit: Limit,
        link: CancelLink,
        permit: StreamPermit,
    ) -> Self {
        Self {
            stream,
            ahead: None,
            link,
            awaiting: AwaitingHalfClose::default(),
            header_limit,
            permit: Some(permit),
        }
    }

    /// Counts what the stream holds among what is unread: from here on, somebody has it who may not read
    /// it.
    pub(crate) fn track(&mut self) {
        self.stream.track();
    }

    /// The next bytes, of which there are some.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        match self.take_ahead() {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None => self.poll_stream(cx),
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let data = self.stream.poll_data(cx);
        // Asked last: what the peer makes of the requests' end is not what they ended with.
        match self.link.poll_failure(cx) {
            Some(status) => Poll::Ready(Some(Err(status))),
            None => data.map(|data| data.map(|data| data.map_err(unreadable))),
        }
    }

    /// Reads ahead: to the end, unless there is a second piece of data before.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Ahead> {
        let first = match self.take_ahead() {
            Some(first) => first,
            None => match ready!(self.poll_stream(cx)) {
                Some(Ok(data)) => data,
                Some(Err(status)) => return Poll::Ready(Ahead::Ended(None, Err(status))),
                None => return self.poll_end_of_stream(cx).map(|end| Ahead::Ended(None, end)),
            },
        };
        let (second, ahead) = match self.poll_end_behind_data(cx) {
            Poll::Ready(Ok(end)) => return Poll::Ready(Ahead::Ended(Some(first), end)),
            Poll::Ready(Err(second)) => (Some(second), Poll::Ready(Ahead::More)),
            Poll::Pending => (None, Poll::Pending),
        };
        self.ahead = Some(Box::new(ReadAhead { first, second }));
        ahead
    }

    /// The end of the stream, or the data that comes before it.
    fn poll_end_behind_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<Option<HeaderMap>, Status>, Bytes>> {
        // Most often, it is the end that comes next.
        if let Poll::Ready(end) = self.poll_end_of_stream(cx) {
            return Poll::Ready(Ok(end));
        }
        match ready!(self.poll_stream(cx)) {
            Some(Ok(data)) => Poll::Ready(Err(data)),
            Some(Err(status)) => Poll::Ready(Ok(Err(status))),
            None => self.poll_end_of_stream(cx).map(Ok),
        }
    }

    /// The first piece that was read ahead.
    pub(crate) fn take_ahead(&mut self) -> Option<Bytes> {
        let ReadAhead { first, second } = *self.ahead.take()?;
        self.ahead = second.map(|first| Box::new(ReadAhead { first, second: None }));
        Some(first)
    }

    /// What comes behind the last bytes. As long as there are bytes, nobody is woken for it.
    pub(crate) fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.ahead {
            Some(_) => Poll::Pending,
            None => self.poll_end_of_stream(cx),
        }
    }

    fn poll_end_of_stream(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Status>> {
        let trailers = ready!(self.stream.poll_trailers(cx)).map_err(unreadable)?;
        if let Some(trailers) = &trailers {
            self.header_limit.check_trailers(trailers)?;
        }
        Poll::Ready(Ok(trailers))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(crate) fn note_awaiting(&self) {
        self.awaiting.note();
    }
}

impl Drop for ReceivedBody {
    fn drop(&mut self) {
        let is_last = self.permit.is_some() && !self.link.is_open();
        if is_last {
            self.stream.leave_unreleased();
        }
    }
}

fn unreadable(error: Unreadable) -> Status {
    match error {
        Unreadable::Stream(error) => failed(error),
        Unreadable::Broken => status::broken(),
    }
}

/// The status for an error of a stream.
pub(crate) fn failed(error: h2::Error) -> Status {
    status::from_transport(error.into())
}

/// Why a body has not been sent to its end.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// The body failed.
    Body(Status),
    /// The stream was reset, or its connection is gone.
    Stream,
}

impl From<h2::Error> for SendFailure {
    fn from(_: h2::Error) -> Self {
        Self::Stream
    }
}

/// Sends a body.
pub(crate) struct Sending {
    body: HttpBody,
    stream: SendStream<Bytes>,
    /// What waits for room.
    chunk: Bytes,
    /// How long trailers the peer takes.
    header_limit: Limit,
}

impl Sending {
    pub(crate) fn new(body: HttpBody, stream: SendStream<Bytes>, header_limit: Limit) -> Self {
        Self { body, stream, chunk: Bytes::new(), header_limit }
    }

    /// Waits until everything is sent, as far as the connection takes it into its buffers.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        loop {
            ready!(self.poll_chunk(cx))?;
            let buffered = self.body.is_buffered();
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.stream.poll_reset(cx).map(|_| Err(SendFailure::Stream));
            };
            let Some(frame) = frame.transpose().map_err(SendFailure::Body)? else {
                self.stream.send_data(Bytes::new(), true)?;
                return Poll::Ready(Ok(()));
            };
            match frame.into_data() {
                // Waiting for room would not spare its memory.
                Ok(data) if buffered && self.may_be_left(&data) => {
                    self.stream.send_data(data, false)?;
                }
                Ok(data) => self.chunk = data,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let trailers = self.header_limit.fit_trailers(trailers);
                    self.stream.send_trailers(trailers)?;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Whether `data` can be left to HTTP/2, which keeps it until there is room, or the stream is reset:
    /// also beyond the deadline of its call.
    fn may_be_left(&mut self, data: &Bytes) -> bool {
        if self.body.is_patient() {
            return true;
        }
        self.stream.reserve_capacity(data.len());
        self.stream.capacity() >= data.len()
    }

    /// Waits until nothing is left of the chunk.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        while !self.chunk.is_empty() {
            self.stream.reserve_capacity(self.chunk.len());
            if self.stream.capacity() == 0 {
                match self.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_)) | None) => {
                        return Poll::Ready(Err(SendFailure::Stream));
                    }
                    // A status needs no room.
                    Poll::Pending if self.body.poll_expired(cx) => self.chunk.clear(),
                    Poll::Pending => return Poll::Pending,
                }
                continue;
            }
            let room = self.stream.capacity().min(self.chunk.len());
            self.stream.send_data(self.chunk.split_to(room), false)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends what was sent so far with `status`.
    pub(crate) fn fail(&mut self, status: &Status) {
        if self.stream.send_trailers(grpc_status::to_headers(status)).is_err() {
            self.reset(h2::Reason::INTERNAL_ERROR);
        }
    }

    /// Gives the stream up.
    pub(crate) fn reset(&mut self, reason: h2::Reason) {
        self.stream.send_reset(reason);
    }
}
