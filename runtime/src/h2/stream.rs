//! The two halves of an HTTP/2 stream: reading and sending the bytes of a call under flow control.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use http_body::Body as _;
use tonic::Status;

use super::{
    counted::{CountedMessages, CountedStream},
    credit::{CreditedStream, Unreadable},
    error,
    stream_limiter::StreamPermit,
};
use crate::{
    call::{
        body::{PrefetchedBody, RecvBody},
        cancel_link::CancelLink,
    },
    protocol::{Protocol, grpc_status, header_list::HeaderLimit, http_body::HttpBody},
};

/// The largest HTTP/2 flow-control window.
pub(crate) const MAX_WINDOW: u32 = (1 << 31) - 1;
/// The bounds of `SETTINGS_MAX_FRAME_SIZE`.
pub(crate) const MIN_FRAME: u32 = 16 * 1024;
pub(crate) const MAX_FRAME: u32 = (1 << 24) - 1;

/// What we allow the peer of a connection to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http2Limits {
    /// The initial flow-control window of a stream, in bytes.
    pub(crate) stream_window: u32,
    /// The flow-control window of the connection, in bytes.
    pub(crate) connection_window: u32,
    /// The memory limit for unread data, up to which the connection's window may grow.
    pub(crate) max_unread: usize,
    pub(crate) max_frame_size: u32,
    pub(crate) max_header_list_size: u32,
}

impl Default for Http2Limits {
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

impl Http2Limits {
    /// The options that would leave no room for any call if they were zero, and whether they are.
    pub(crate) fn zeros(&self) -> [(&'static str, bool); 3] {
        [
            ("initial_stream_window_size", self.stream_window == 0),
            ("initial_connection_window_size", self.connection_window == 0),
            ("max_header_list_size", self.max_header_list_size == 0),
        ]
    }

    /// How much unread small DATA frames may cost, at the 256 bytes that h2 charges for each: enough for
    /// a sender of uncoalesced 16-byte messages to fill the connection's window. h2 treats more than that
    /// as an attack and closes the connection.
    pub(crate) fn data_frame_budget(&self) -> usize {
        (self.connection_window as usize).saturating_mul(12).max(self.max_unread)
    }
}

/// How many bytes of one call are buffered for a connection that is slow to write.
pub(crate) const SEND_BUFFER: usize = 512 * 1024;

/// The receiving half of a stream, and what must live as long as it is read.
pub(crate) struct ReceivedStream {
    stream: CreditedStream,
    /// Data that was read ahead of the reader. Boxed because there is none most of the time.
    ahead: Option<Box<ReadAhead>>,
    link: CancelLink,
    awaiting: AwaitingHalfClose,
    /// The status for an error of the stream.
    explain: fn(Unreadable) -> Status,
    /// The size limit for trailers.
    header_limit: HeaderLimit,
    /// The stream slot of a client call. None for requests.
    permit: Option<StreamPermit>,
    /// Of a client call.
    counted: CountedStream,
    messages: CountedMessages,
}

/// How far a body was read ahead.
pub(crate) enum Ahead {
    /// There is more than one chunk of data.
    More,
    /// The stream ended after at most one chunk, with trailers or with a status.
    Ended(Option<Bytes>, Result<Option<HeaderMap>, Status>),
}

struct ReadAhead {
    first: Bytes,
    second: Option<Bytes>,
}

/// A flag that is set while the handler of a unary request is waiting for `END_STREAM`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AwaitingHalfClose(Option<Arc<AtomicBool>>);

impl AwaitingHalfClose {
    pub(crate) fn enabled() -> Self {
        Self(Some(Arc::default()))
    }

    fn note(&self) {
        if let Some(awaiting) = &self.0 {
            // Read by the thread that has just polled the call. A note that another call's thread makes in
            // between is a wrong guess at worst, so `Relaxed` suffices.
            awaiting.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was set since the last call of this method.
    pub(crate) fn take(&self) -> bool {
        self.0.as_ref().is_some_and(|awaiting| awaiting.swap(false, Ordering::Relaxed))
    }
}

impl ReceivedStream {
    pub(crate) fn request(stream: CreditedStream, awaiting: AwaitingHalfClose) -> Self {
        Self {
            stream,
            ahead: None,
            link: CancelLink::default(),
            awaiting,
            explain: error::from_request,
            // Trailers of requests carry nothing and are ignored.
            header_limit: HeaderLimit::Local(u32::MAX),
            permit: None,
            counted: CountedStream::default(),
            messages: CountedMessages::default(),
        }
    }

    pub(crate) fn response(
        stream: CreditedStream,
        header_limit: HeaderLimit,
        link: CancelLink,
        permit: StreamPermit,
    ) -> Self {
        Self {
            stream,
            ahead: None,
            link,
            awaiting: AwaitingHalfClose::default(),
            explain: error::from_unreadable,
            header_limit,
            permit: Some(permit),
            counted: CountedStream::default(),
            messages: CountedMessages::default(),
        }
    }

    /// Counts what is received on it: the `messages`, and for a client the end of the call.
    pub(crate) fn counted(mut self, counted: CountedStream, messages: CountedMessages) -> Self {
        (self.counted, self.messages) = (counted, messages);
        self
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let data = self.stream.poll_data(cx);
        self.count(&data);
        // Checked after the stream: if the requests failed, their status takes precedence over whatever
        // the peer answers to the reset.
        match self.link.poll_failure(cx) {
            Some(status) => Poll::Ready(Some(Err(status))),
            None => data.map(|data| data.map(|data| data.map_err(self.explain))),
        }
    }

    /// Counts what was read. Readers that see the end of the stream by [`is_end_stream`](RecvBody::is_end_stream), or
    /// the status in the data, do not ask for trailers.
    fn count(&mut self, read: &Poll<Option<Result<Bytes, Unreadable>>>) {
        if let Poll::Ready(Some(Ok(data))) = read {
            self.messages.push(data);
            self.counted.note_data(data);
        }
        let may_be_last = matches!(read, Poll::Ready(Some(Ok(_)) | None));
        if may_be_last && self.counted.is_counted() && self.stream.is_end_stream() {
            self.counted.end(None);
        }
    }

    /// Reads up to the end of the stream, or up to a second chunk of data, whichever comes first.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Ahead> {
        let first = match self.take_ahead() {
            Some(first) => first,
            None => match ready!(self.poll_stream(cx)) {
                Some(Ok(data)) => data,
                Some(Err(status)) => return Poll::Ready(Ahead::Ended(None, Err(status))),
                None => return self.poll_end_of_stream(cx).map(|end| Ahead::Ended(None, end)),
            },
        };
        let (second, ahead) = match self.poll_end_or_data(cx) {
            Poll::Ready(Ok(end)) => return Poll::Ready(Ahead::Ended(Some(first), end)),
            Poll::Ready(Err(second)) => (Some(second), Poll::Ready(Ahead::More)),
            Poll::Pending => (None, Poll::Pending),
        };
        self.ahead = Some(Box::new(ReadAhead { first, second }));
        ahead
    }

    /// The end of the stream, or (as an error) the data that comes before it.
    fn poll_end_or_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<Option<HeaderMap>, Status>, Bytes>> {
        // Tried first, because most responses have a single chunk.
        if let Poll::Ready(end) = self.poll_end_of_stream(cx) {
            return Poll::Ready(Ok(end));
        }
        match ready!(self.poll_stream(cx)) {
            Some(Ok(data)) => Poll::Ready(Err(data)),
            Some(Err(status)) => Poll::Ready(Ok(Err(status))),
            None => self.poll_end_of_stream(cx).map(Ok),
        }
    }

    /// Takes the first chunk that was read ahead.
    fn take_ahead(&mut self) -> Option<Bytes> {
        let ReadAhead { first, second } = *self.ahead.take()?;
        self.ahead = second.map(|first| Box::new(ReadAhead { first, second: None }));
        self.stream.consume_held();
        Some(first)
    }

    /// The body, which is whole if all of it has arrived, in one chunk. One that has not is not counted as
    /// read.
    pub(crate) fn arrived(mut self) -> PrefetchedBody<Self> {
        // Whoever reads the rest registers a waker.
        let cx = &mut Context::from_waker(Waker::noop());
        let Some((first, is_all)) = self.stream.take_arrived(cx) else {
            return PrefetchedBody::Stream(self);
        };
        self.messages.push(&first);
        if is_all {
            self.stream.consume_held();
            return PrefetchedBody::Whole(Some(first).filter(|first| !first.is_empty()), Ok(None));
        }
        if !first.is_empty() {
            self.ahead = Some(Box::new(ReadAhead { first, second: None }));
        }
        PrefetchedBody::Stream(self)
    }

    fn poll_end_of_stream(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Status>> {
        let trailers = ready!(self.stream.poll_trailers(cx)).map_err(self.explain)?;
        self.counted.end(trailers.as_ref());
        if let Some(trailers) = &trailers {
            self.header_limit.check_trailers(trailers)?;
        }
        Poll::Ready(Ok(trailers))
    }
}

impl RecvBody for ReceivedStream {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        match self.take_ahead() {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None => self.poll_stream(cx),
        }
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.ahead {
            Some(_) => Poll::Pending,
            None => self.poll_end_of_stream(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.stream.is_end_stream()
    }

    fn track(&mut self) {
        self.stream.track();
    }

    fn note_awaiting(&self) {
        self.awaiting.note();
    }
}

impl Drop for ReceivedStream {
    fn drop(&mut self) {
        let is_last = self.permit.is_some() && !self.link.is_open();
        if is_last {
            self.stream.leave_unreleased();
        }
    }
}

/// Why a body could not be sent.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// The body failed.
    Body(Status),
    /// The deadline has passed inside a message of a body that cannot end there.
    Expired,
    /// The stream was reset, or the connection is closed.
    Stream,
}

impl From<h2::Error> for SendFailure {
    fn from(_: h2::Error) -> Self {
        Self::Stream
    }
}

/// The sending half of a stream, with the body that it sends.
pub(crate) struct Sending {
    body: HttpBody,
    stream: SendStream<Bytes>,
    /// Data that waits for flow-control window.
    chunk: Bytes,
    /// Whether part of it has been sent.
    is_cut: bool,
    /// The peer's size limit for trailers.
    header_limit: HeaderLimit,
    /// Of a response.
    counted: CountedStream,
    messages: CountedMessages,
}

impl Sending {
    pub(crate) fn new(
        body: HttpBody,
        stream: SendStream<Bytes>,
        header_limit: HeaderLimit,
    ) -> Self {
        Self {
            body,
            stream,
            chunk: Bytes::new(),
            is_cut: false,
            header_limit,
            counted: CountedStream::default(),
            messages: CountedMessages::default(),
        }
    }

    /// Counts what is sent on it: the `messages`, and for a server the end of the call.
    pub(crate) fn counted(mut self, counted: CountedStream, messages: CountedMessages) -> Self {
        (self.counted, self.messages) = (counted, messages);
        self
    }

    /// Completes once the whole body was handed to h2, which may still buffer part of it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        loop {
            ready!(self.poll_chunk(cx))?;
            let buffered = self.body.is_buffered();
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.stream.poll_reset(cx).map(|_| Err(SendFailure::Stream));
            };
            let Some(frame) = frame.transpose().map_err(SendFailure::Body)? else {
                self.stream.send_data(Bytes::new(), true)?;
                self.counted.end(None);
                return Poll::Ready(Ok(()));
            };
            if let Some(data) = frame.data_ref() {
                self.messages.push(data);
                self.counted.note_data(data);
            }
            match frame.into_data() {
                // A status in the body waits for no window, as trailers do not.
                Ok(data) if self.body.has_ended() => {
                    self.stream.send_data(data, true)?;
                    self.counted.end(None);
                    return Poll::Ready(Ok(()));
                }
                // The data is in memory already, so waiting for window would save nothing.
                Ok(data) if buffered && self.may_queue(&data) => {
                    self.stream.send_data(data, false)?;
                }
                Ok(data) => (self.chunk, self.is_cut) = (data, false),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let trailers = self.header_limit.fit_trailers(trailers);
                    let is_ok = self.counted.is_ok_with(&trailers);
                    self.stream.send_trailers(trailers)?;
                    self.counted.end_as(is_ok);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Whether `data` may be queued in h2 beyond the available window. h2 keeps queued data until it is
    /// sent or the stream is reset, even past the call's deadline; so a body with a deadline is queued
    /// only if the window is large enough.
    fn may_queue(&mut self, data: &Bytes) -> bool {
        if self.body.may_wait_for_window() {
            return true;
        }
        self.stream.reserve_capacity(data.len());
        self.stream.capacity() >= data.len()
    }

    /// Sends `chunk` as the flow-control window allows.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        while !self.chunk.is_empty() {
            self.stream.reserve_capacity(self.chunk.len());
            if self.stream.capacity() == 0 {
                match self.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_)) | None) => {
                        return Poll::Ready(Err(SendFailure::Stream));
                    }
                    Poll::Pending if self.body.poll_expired(cx) => {
                        // A status that follows half a message would be read as the rest of it.
                        if self.is_cut && self.body.has_status_in_data() {
                            return Poll::Ready(Err(SendFailure::Expired));
                        }
                        self.chunk.clear();
                    }
                    Poll::Pending => return Poll::Pending,
                }
                continue;
            }
            let room = self.stream.capacity().min(self.chunk.len());
            self.is_cut = room < self.chunk.len();
            self.stream.send_data(self.chunk.split_to(room), false)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the stream with `status` in the trailers. Without HTTP trailers, it is reset: its body may have
    /// stopped inside a message. So is plain HTTP, without a `protocol`.
    pub(crate) fn fail(&mut self, protocol: Option<Protocol>, status: &Status) {
        let trailers = grpc_status::to_headers(status);
        let has_trailers = protocol.is_some_and(Protocol::has_http_trailers);
        if !has_trailers || self.stream.send_trailers(trailers).is_err() {
            self.reset(h2::Reason::INTERNAL_ERROR);
        } else {
            self.counted.end_as(false);
        }
    }

    /// Ends the stream with `status` instead of the rest of the body. If the status would have to follow half a
    /// message, or the body cannot say it, the stream is reset. Without a `protocol`, it is plain HTTP.
    pub(crate) fn end(&mut self, protocol: Option<Protocol>, status: &Status) {
        let is_in_message = self.is_cut && !self.chunk.is_empty();
        let can_follow = !is_in_message || !self.body.has_status_in_data();
        let frame = can_follow.then(|| self.body.end_with(protocol, status)).flatten();
        let Some(frame) = frame else { return self.reset(h2::Reason::CANCEL) };
        let sent = match frame.into_data() {
            Ok(data) => self.stream.send_data(data, true),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.stream.send_trailers(self.header_limit.fit_trailers(trailers))
            }
        };
        match sent {
            Ok(()) => self.counted.end_as(false),
            // It is closed already.
            Err(_) => self.reset(h2::Reason::CANCEL),
        }
    }

    pub(crate) fn reset(&mut self, reason: h2::Reason) {
        self.stream.send_reset(reason);
    }
}
