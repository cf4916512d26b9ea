//! An outgoing stream of messages. Small messages share a chunk, and none waits for the next to arrive.

use std::{
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tonic::{Status, metadata::MetadataMap};

use super::length_prefixed::MessageEncoder;
use crate::{
    call::{
        body::OutgoingMessages,
        cause,
        context::{self, Context as CallContext},
        deadline::Deadline,
        method::MethodDescriptor,
        panics::{catch_panic, drop_catching_panics},
        status,
        streaming::Streaming,
    },
    codec::Encode,
};

/// Messages are coalesced into chunks of up to this size.
const CHUNK: usize = 32 * 1024;
/// How long messages may be delayed to coalesce with later ones.
const COALESCE_WINDOW: Duration = Duration::from_micros(50);

/// The messages of a [`Streaming`], encoded when the peer's flow-control window has room.
pub(crate) struct EncodedStream {
    /// None once it has ended, so that the user's stream is dropped as early as possible.
    source: Option<Box<dyn MessageSource>>,
    encoder: MessageEncoder,
    deadline: Deadline,
    /// In which the source makes calls. None if that does not matter, or once the source has ended.
    context: Option<CallContext>,
    /// The size from which a chunk is sent without waiting for more.
    flush_threshold: usize,
    chunk: BytesMut,
    /// How many bytes of `chunk` are complete messages.
    complete_len: usize,
    /// The size of the last chunk, which predicts that of the next.
    last_chunk_len: usize,
    /// The failure of the source, delivered after the buffered chunk.
    failure: Option<Status>,
    /// The method of a served call, if nobody observes its responses.
    method: Option<&'static MethodDescriptor>,
    trailers: MetadataMap,
}

/// A stream of messages, their type and their codec erased.
trait MessageSource: Send {
    /// Appends the next message to `chunk`.
    fn poll_encode(
        &mut self,
        encoder: &MessageEncoder,
        chunk: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(), Status>>>;

    fn take_trailers(&mut self) -> MetadataMap;
}

/// A [`Streaming`] whose messages are encoded as what `wrap` makes of them.
struct WrappedMessages<M, W> {
    messages: Streaming<M>,
    wrap: W,
}

impl<M, E: Encode, W: Fn(M) -> E + Send> MessageSource for WrappedMessages<M, W> {
    fn poll_encode(
        &mut self,
        encoder: &MessageEncoder,
        chunk: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(), Status>>> {
        let next = self.messages.poll_message(cx);
        next.map(|next| next.map(|message| encoder.encode(&(self.wrap)(message?), chunk)))
    }

    fn take_trailers(&mut self) -> MetadataMap {
        self.messages.take_received_trailers()
    }
}

impl EncodedStream {
    /// The stream of `messages`, each encoded as what `wrap` makes of it.
    pub(crate) fn new<M: 'static, E: Encode>(
        messages: Streaming<M>,
        wrap: impl Fn(M) -> E + Send + 'static,
        encoder: MessageEncoder,
        deadline: Deadline,
    ) -> Self {
        // A counted stream must not be polled for more messages than are sent.
        let flush_threshold = if messages.is_counted() { 1 } else { CHUNK };
        Self {
            source: Some(Box::new(WrappedMessages { messages, wrap })),
            encoder,
            deadline,
            context: None,
            flush_threshold,
            chunk: BytesMut::new(),
            complete_len: 0,
            last_chunk_len: 0,
            failure: None,
            method: None,
            trailers: MetadataMap::new(),
        }
    }

    /// Has calls that the source makes inherit from `context`.
    pub(crate) fn in_context(mut self, context: CallContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Encodes messages until the chunk is full, or the source is pending or ended.
    ///
    /// Many sources return `Pending` between buffered messages to yield to other tasks. Polling them
    /// again at once coalesces these messages: otherwise, each yield would cost a DATA frame and a write.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut first_pause = None;
        loop {
            let before = self.complete_len;
            if self.encode_ready(cx).is_ready() {
                return Poll::Ready(());
            }
            let now = Instant::now();
            if self.complete_len == before
                || now - *first_pause.get_or_insert(now) > COALESCE_WINDOW
            {
                return Poll::Pending;
            }
        }
    }

    /// Encodes messages until the source is pending for the first time.
    fn encode_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(source) = &mut self.source {
            if let Err(late) = self.deadline.check(cx) {
                self.end(Some(late));
                break;
            }
            if self.chunk.len() >= self.flush_threshold {
                break;
            }
            match ready!(source.poll_encode(&self.encoder, &mut self.chunk, cx)) {
                Some(Ok(())) => self.complete_len = self.chunk.len(),
                Some(Err(status)) => {
                    self.chunk.truncate(self.complete_len);
                    self.end(Some(status));
                }
                None => {
                    self.trailers = source.take_trailers();
                    self.end(None);
                }
            }
        }
        Poll::Ready(())
    }

    /// Ends the stream after the last complete message.
    fn panicked(&mut self) -> Poll<()> {
        self.chunk.truncate(self.complete_len);
        self.end(Some(status::panicked()));
        Poll::Ready(())
    }

    fn end(&mut self, failure: Option<Status>) {
        self.source = None;
        self.failure = failure;
    }
}

impl OutgoingMessages for EncodedStream {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        self.chunk.reserve(self.last_chunk_len);
        let (filled, context) = context::run(self.context.take(), || {
            catch_panic(|| self.fill(cx)).unwrap_or_else(|_| self.panicked())
        });
        let pending = filled.is_pending();
        self.context = context.filter(|_| self.source.is_some());
        if !self.chunk.is_empty() {
            self.last_chunk_len = self.chunk.len().min(CHUNK);
            self.complete_len = 0;
            return Poll::Ready(Some(Ok(self.chunk.split().freeze())));
        }
        if pending {
            // An idle stream may stay idle for long, so it keeps no buffer.
            self.chunk = BytesMut::new();
            return Poll::Pending;
        }
        let mut failure = self.failure.take();
        if let (Some(status), Some(method)) = (&mut failure, self.method) {
            cause::withhold(method.path, status);
        }
        Poll::Ready(failure.map(Err))
    }

    fn take_trailers(&mut self) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        let Err(late) = self.deadline.check(cx) else { return false };
        self.chunk.clear();
        self.end(Some(late));
        self.context = None;
        true
    }

    fn limit(&mut self, deadline: tokio::time::Instant) {
        self.deadline.limit_to(deadline);
    }

    fn withhold_cause(&mut self, method: &'static MethodDescriptor) {
        self.method = Some(method);
    }
}

impl Drop for EncodedStream {
    fn drop(&mut self) {
        drop_catching_panics(self.source.take());
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, task::Waker};

    use futures_core::Stream;

    use super::*;
    use crate::codec::{CodecMessage, ProstCodec};

    fn wrap(number: u32) -> CodecMessage<ProstCodec, u32> {
        CodecMessage::new(number)
    }

    /// Yields messages up to `last`, each followed by one `Pending`; then stays pending.
    struct Pausing {
        last: u32,
        yielded: u32,
        paused: bool,
    }

    impl Stream for Pausing {
        type Item = Result<u32, Status>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.paused = !self.paused;
            if self.paused || self.yielded == self.last {
                return Poll::Pending;
            }
            self.yielded += 1;
            Poll::Ready(Some(Ok(self.yielded)))
        }
    }

    fn chunks_of(last: u32) -> Vec<usize> {
        let messages = Streaming::new(Pausing { last, yielded: 0, paused: true });
        let encoder = MessageEncoder { encoding: None, limit: 100 };
        let mut outgoing = EncodedStream::new(messages, wrap, encoder, Deadline::default());
        let mut next = || match outgoing.poll_data(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(data) => Some(data.expect("no end").expect("no failure").len()),
            Poll::Pending => None,
        };
        std::iter::from_fn(&mut next).collect()
    }

    #[test]
    fn messages_that_are_at_hand_share_a_chunk_although_their_source_pauses() {
        let chunks = chunks_of(100);
        assert_eq!(chunks.iter().sum::<usize>(), 100 * 7);
        assert!(chunks.len() <= 50, "{chunks:?}");
    }

    /// An endless stream of messages.
    struct Counted;

    impl crate::call::streaming::Source<u32> for Counted {
        fn poll_message(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<u32, Status>>> {
            Poll::Ready(Some(Ok(1)))
        }

        fn is_counted(&self) -> bool {
            true
        }
    }

    #[test]
    fn messages_that_are_counted_are_taken_one_by_one() {
        let encoder = MessageEncoder { encoding: None, limit: 100 };
        let messages = Streaming::from_source(Counted);
        let mut outgoing = EncodedStream::new(messages, wrap, encoder, Deadline::default());
        let first = outgoing.poll_data(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(first, Poll::Ready(Some(Ok(chunk))) if chunk.len() == 7));
    }

    #[test]
    fn a_message_does_not_wait_for_one_that_is_not_at_hand() {
        assert_eq!(chunks_of(1), [7]);
    }
}
