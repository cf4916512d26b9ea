//! [`Streaming`]: the stream of messages of a call, one type for both sides and both directions.

#[cfg(feature = "_calls")]
mod received;

use std::{
    any::Any,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status, metadata::MetadataMap};

use crate::trailers::merge;

/// A stream of messages, as a call sends or receives it.
///
/// A server's handler and a client's caller get one to read from, and make one to send: from any
/// stream ([`new`](Self::new)), from messages that are at hand ([`from_iter`](Self::from_iter)),
/// or piece by piece ([`channel`](Self::channel)).
///
/// It ends well, with `None`, or with one [`Status`]; after either there is only `None`.
/// Dropping one that is received cancels the call, or what is left of it.
///
/// ```
/// # use rust_scaffold::{Status, Streaming};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Status> {
/// let mut numbers = Streaming::from_iter([1, 2]);
/// while let Some(number) = numbers.message().await? {
///     println!("{number}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Streaming<T> {
    /// None once it has ended, so that what it holds is dropped at once.
    source: Option<Pin<Box<dyn Source<T>>>>,
    trailers: MetadataMap,
}

/// Where messages come from.
pub(crate) trait Source<T>: Send {
    fn poll_message(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>>;

    /// The trailers behind the last message.
    fn take_trailers(self: Pin<&mut Self>) -> MetadataMap {
        MetadataMap::new()
    }

    /// Whether somebody counts how many messages are asked for: none must be gathered ahead.
    fn is_counted(&self) -> bool {
        false
    }
}

impl<T> Streaming<T> {
    /// Sends what `stream` yields, up to its end or its first error.
    pub fn new(stream: impl Stream<Item = Result<T, Status>> + Send + 'static) -> Self {
        Self::from_source(stream)
    }

    /// A stream that a [`Sender`] fills, holding at most `capacity` messages (at least one).
    pub fn channel(capacity: usize) -> (Sender<T>, Self)
    where
        T: Send + 'static,
    {
        let (items, receiver) = mpsc::channel(capacity.max(1));
        let panicked = Arc::new(AtomicBool::new(false));
        let sender = Sender { items, panicked: Arc::clone(&panicked) };
        (
            sender,
            Self::from_source(ChannelSource { receiver, panicked, trailers: MetadataMap::new() }),
        )
    }

    /// Adds `trailers` to those that are sent when the stream ends well.
    #[must_use]
    pub fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        merge(&mut self.trailers, trailers);
        self
    }

    /// The next message, or `None` at the end of the stream.
    ///
    /// Cancel safe: a message is never lost when the future is dropped.
    ///
    /// # Errors
    /// The status that the other side, the transport or the deadline ended the stream with.
    pub async fn message(&mut self) -> Result<Option<T>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await.transpose()
    }

    /// Skips what is left of the stream and returns the trailers behind it.
    ///
    /// # Errors
    /// The status that the stream ended with, unless [`message`](Self::message) has already
    /// returned it.
    pub async fn trailers(&mut self) -> Result<MetadataMap, Status> {
        while self.message().await?.is_some() {}
        Ok(self.trailers.clone())
    }

    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let next = ready!(source.as_mut().poll_message(cx));
        if !matches!(next, Some(Ok(_))) {
            merge(&mut self.trailers, source.as_mut().take_trailers());
            self.source = None;
        }
        Poll::Ready(next)
    }

    /// Whether the messages are to be asked for one by one, as they are wanted.
    #[cfg(feature = "_calls")]
    pub(crate) fn is_counted(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is_counted())
    }

    /// The same stream with other messages.
    #[cfg(feature = "mock")]
    pub(crate) fn convert<U: 'static>(self, convert: fn(T) -> Result<U, Status>) -> Streaming<U>
    where
        T: 'static,
    {
        Streaming::from_source(Converted { messages: self, convert })
    }

    #[cfg(feature = "mock")]
    pub(crate) fn received_trailers(&self) -> &MetadataMap {
        &self.trailers
    }

    pub(crate) fn take_received_trailers(&mut self) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }

    /// `stream` itself when it is a `Streaming` already.
    fn adopt<S>(stream: S) -> Self
    where
        T: 'static,
        S: Stream<Item: IntoItem<T>> + Send + 'static,
    {
        let mut stream = Some(stream);
        let adopted = match (&mut stream as &mut dyn Any).downcast_mut::<Option<Self>>() {
            Some(same) => same.take(),
            None => stream.map(|stream| Self::new(stream.map(IntoItem::into_item))),
        };
        adopted.unwrap_or_default()
    }

    pub(crate) fn from_source(source: impl Source<T> + 'static) -> Self {
        Self { source: Some(Box::pin(source)), trailers: MetadataMap::new() }
    }
}

impl<T: Send + 'static> FromIterator<T> for Streaming<T> {
    /// Sends the messages that are at hand.
    fn from_iter<I: IntoIterator<Item = T>>(messages: I) -> Self {
        let messages: Vec<T> = messages.into_iter().collect();
        Self::new(tokio_stream::iter(messages.into_iter().map(Ok)))
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<T> Default for Streaming<T> {
    /// A stream without messages.
    fn default() -> Self {
        Self { source: None, trailers: MetadataMap::new() }
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("ended", &self.source.is_none()).finish_non_exhaustive()
    }
}

impl<T, S: Stream<Item = Result<T, Status>> + Send> Source<T> for S {
    fn poll_message(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        self.poll_next(cx)
    }
}

struct ChannelSource<T> {
    receiver: mpsc::Receiver<ChannelItem<T>>,
    panicked: Arc<AtomicBool>,
    trailers: MetadataMap,
}

enum ChannelItem<T> {
    Message(T),
    Failure(Status),
    Trailers(MetadataMap),
}

impl<T: Send> Source<T> for ChannelSource<T> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Status>>> {
        Poll::Ready(match ready!(self.receiver.poll_recv(cx)) {
            Some(ChannelItem::Message(message)) => Some(Ok(message)),
            Some(ChannelItem::Failure(status)) => Some(Err(status)),
            Some(ChannelItem::Trailers(trailers)) => {
                self.trailers = trailers;
                None
            }
            None if self.panicked.load(Ordering::Acquire) => Some(Err(panicked())),
            None => None,
        })
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }
}

#[cfg(feature = "mock")]
struct Converted<T, U> {
    messages: Streaming<T>,
    convert: fn(T) -> Result<U, Status>,
}

#[cfg(feature = "mock")]
impl<T, U> Source<U> for Converted<T, U> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<U, Status>>> {
        let next = ready!(self.messages.poll_message(cx));
        Poll::Ready(next.map(|message| (self.convert)(message?)))
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_received_trailers()
    }

    fn is_counted(&self) -> bool {
        self.messages.is_counted()
    }
}

/// The status of a call whose handler or stream panicked. What it panicked with stays here.
pub(crate) fn panicked() -> Status {
    Status::internal("the handler of the call panicked")
}

/// The sending end of [`Streaming::channel`].
///
/// The stream ends well when the last clone is dropped, unless one of them is dropped by a panic:
/// then it ends with `Internal`, so that nobody takes half of it for the whole.
pub struct Sender<T> {
    items: mpsc::Sender<ChannelItem<T>>,
    panicked: Arc<AtomicBool>,
}

impl<T> Sender<T> {
    /// Sends `message`, once there is room for it.
    ///
    /// # Errors
    /// [`Closed`] when nobody reads the stream any more, as after a cancelled call.
    pub async fn send(&self, message: T) -> Result<(), Closed> {
        self.put(ChannelItem::Message(message)).await
    }

    /// Ends the stream with `status`.
    ///
    /// # Errors
    /// [`Closed`] when nobody reads the stream any more.
    pub async fn fail(self, status: Status) -> Result<(), Closed> {
        self.put(ChannelItem::Failure(status)).await
    }

    /// Ends the stream well, with `trailers` behind the last message.
    ///
    /// # Errors
    /// [`Closed`] when nobody reads the stream any more.
    pub async fn finish(self, trailers: MetadataMap) -> Result<(), Closed> {
        self.put(ChannelItem::Trailers(trailers)).await
    }

    /// Waits until nobody reads the stream any more.
    pub async fn closed(&self) {
        self.items.closed().await;
    }

    async fn put(&self, item: ChannelItem<T>) -> Result<(), Closed> {
        self.items.send(item).await.map_err(|_| Closed)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), panicked: Arc::clone(&self.panicked) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.panicked.store(true, Ordering::Release);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.items.is_closed()).finish_non_exhaustive()
    }
}

/// Nobody reads the stream any more: the call was cancelled, failed, or reached its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the stream any more")
    }
}

impl std::error::Error for Closed {}

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        Status::cancelled(closed.to_string())
    }
}

/// What a client's method takes as its stream of requests: any stream of messages, or of
/// `Result<message, Status>` as a [`Streaming`] is, with or without a [`Request`] around it that
/// adds metadata. An `Err` in the stream cancels the call.
pub trait IntoStreamingRequest<T> {
    /// Makes the request.
    fn into_streaming_request(self) -> Request<Streaming<T>>;
}

impl<T: 'static, R> IntoStreamingRequest<T> for R
where
    R: tonic::IntoStreamingRequest<Message: IntoItem<T>>,
{
    fn into_streaming_request(self) -> Request<Streaming<T>> {
        tonic::IntoStreamingRequest::into_streaming_request(self).map(Streaming::adopt)
    }
}

/// An item of a stream of requests: a message, or what has become of one.
pub trait IntoItem<T> {
    /// The message, or the status that ends the stream.
    fn into_item(self) -> Result<T, Status>;
}

impl<T> IntoItem<T> for T {
    fn into_item(self) -> Result<T, Status> {
        Ok(self)
    }
}

impl<T> IntoItem<T> for Result<T, Status> {
    fn into_item(self) -> Result<T, Status> {
        self
    }
}
