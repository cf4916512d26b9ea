//! [`Streaming`]: a stream of messages, one type for clients and servers, requests and responses.

#[cfg(feature = "_calls")]
mod limited;

use std::{
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

use super::{downcast, trailers::merge};

/// A stream of messages that a call sends or receives.
///
/// To send messages, make one from any stream ([`new`](Self::new)), from an iterator
/// ([`from_iter`](Self::from_iter)), or message by message ([`channel`](Self::channel)).
///
/// It ends with `None` or with an error [`Status`]; after either, it yields only `None`. Dropping a
/// received stream cancels the rest of the call.
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
    /// None once it has ended, so that the source is dropped as early as possible.
    source: Option<Pin<Box<dyn Source<T>>>>,
    /// The trailers received at the end of the stream, until they are taken.
    pub(crate) trailers: MetadataMap,
}

/// The source of a stream's messages.
pub(crate) trait Source<T>: Send {
    fn poll_message(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>>;

    /// The trailers after the last message.
    fn take_trailers(self: Pin<&mut Self>) -> MetadataMap {
        MetadataMap::new()
    }

    /// Whether the number of polled messages is observed, as by a mock. Then no message may be polled
    /// ahead.
    fn is_counted(&self) -> bool {
        false
    }
}

impl<T> Streaming<T> {
    /// Sends the messages of `stream`, up to its end or its first error.
    pub fn new(stream: impl Stream<Item = Result<T, Status>> + Send + 'static) -> Self {
        Self::from_source(stream)
    }

    /// A stream that is filled through a [`Sender`]. It buffers at most `capacity` messages (at least
    /// one).
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

    /// Adds `trailers` to those that are sent when the stream ends without an error.
    #[must_use]
    pub fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        merge(&mut self.trailers, trailers);
        self
    }

    /// The next message, or `None` at the end of the stream.
    ///
    /// Cancel safe: dropping the future loses no message.
    ///
    /// # Errors
    /// The status with which the peer, the transport or the deadline ended the stream.
    pub async fn message(&mut self) -> Result<Option<T>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await.transpose()
    }

    /// Skips the remaining messages and returns the trailers.
    ///
    /// # Errors
    /// The status that ended the stream, unless [`message`](Self::message) has already returned it.
    pub async fn skip_to_trailers(&mut self) -> Result<MetadataMap, Status> {
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

    /// Whether messages may only be polled one by one, as they are needed.
    #[cfg(feature = "_calls")]
    pub(crate) fn is_counted(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is_counted())
    }

    pub(crate) fn take_received_trailers(&mut self) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }

    /// Returns `stream` itself if it already is a `Streaming`.
    fn adopt<S>(stream: S) -> Self
    where
        T: 'static,
        S: Stream<Item: IntoItem<T>> + Send + 'static,
    {
        let mut stream = Some(stream);
        let adopted = downcast::take(&mut stream);
        let new = || stream.map(|stream| Self::new(stream.map(IntoItem::into_item)));
        adopted.or_else(new).unwrap_or_default()
    }

    pub(crate) fn from_source(source: impl Source<T> + 'static) -> Self {
        Self { source: Some(Box::pin(source)), trailers: MetadataMap::new() }
    }
}

impl<T: Send + 'static> FromIterator<T> for Streaming<T> {
    /// Sends the messages of an iterator.
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
    /// An empty stream.
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

/// The status of a call whose handler or stream has panicked. The panic message is not sent to the peer.
pub(crate) fn panicked() -> Status {
    Status::internal("the handler of the call panicked")
}

/// The sending half of [`Streaming::channel`].
///
/// The stream ends without an error when the last clone is dropped. If a clone is dropped by a panic, it
/// ends with `Internal` instead, so that a partial stream is not mistaken for a complete one.
pub struct Sender<T> {
    items: mpsc::Sender<ChannelItem<T>>,
    panicked: Arc<AtomicBool>,
}

impl<T> Sender<T> {
    /// Sends `message`. Waits while the buffer is full.
    ///
    /// # Errors
    /// [`SendError`], which gives the message back, if the receiver was dropped, for example because the
    /// call was cancelled.
    pub async fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.items.reserve().await {
            Ok(permit) => {
                permit.send(ChannelItem::Message(message));
                Ok(())
            }
            Err(_) => Err(SendError(message)),
        }
    }

    /// Sends `message` if the buffer has room for it.
    ///
    /// # Errors
    /// [`TrySendError`], which gives the message back, if the buffer is full or the receiver was dropped.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.items.try_reserve() {
            Ok(permit) => {
                permit.send(ChannelItem::Message(message));
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(mpsc::error::TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    /// Ends the stream with `status`.
    ///
    /// # Errors
    /// [`Closed`] if the receiver was dropped.
    pub async fn fail(self, status: Status) -> Result<(), Closed> {
        self.put(ChannelItem::Failure(status)).await
    }

    /// Ends the stream without an error, with `trailers` after the last message.
    ///
    /// # Errors
    /// [`Closed`] if the receiver was dropped.
    pub async fn finish(self, trailers: MetadataMap) -> Result<(), Closed> {
        self.put(ChannelItem::Trailers(trailers)).await
    }

    /// Whether the receiver was dropped.
    pub fn is_closed(&self) -> bool {
        self.items.is_closed()
    }

    /// Waits until the receiver is dropped.
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
            // Before `items` is dropped, so that whoever sees the channel closed sees the flag.
            self.panicked.store(true, Ordering::Release);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.items.is_closed()).finish_non_exhaustive()
    }
}

/// The receiver of the stream was dropped: the call was cancelled, failed, or reached its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver of the stream was dropped")
    }
}

impl std::error::Error for Closed {}

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        Status::cancelled(closed.to_string())
    }
}

/// A message that was not sent: the receiver of the stream was dropped, as [`Closed`] says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Closed.fmt(f)
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> From<SendError<T>> for Status {
    fn from(_: SendError<T>) -> Self {
        Closed.into()
    }
}

/// A message that could not be sent at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The buffer is full.
    Full(T),
    /// The receiver of the stream was dropped, as [`Closed`](struct@Closed) says.
    Closed(T),
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the buffer of the stream is full"),
            Self::Closed(_) => Closed.fmt(f),
        }
    }
}

impl<T> std::error::Error for TrySendError<T> {}

impl<T> From<TrySendError<T>> for Status {
    /// `ResourceExhausted` if the buffer is full, `Cancelled` if the receiver was dropped.
    fn from(error: TrySendError<T>) -> Self {
        match &error {
            TrySendError::Full(_) => Status::resource_exhausted(error.to_string()),
            TrySendError::Closed(_) => Closed.into(),
        }
    }
}

/// What a client's method accepts as its request stream: any stream of messages or of `Result<message,
/// Status>`, such as a [`Streaming`], optionally in a [`Request`] with metadata. An `Err` in the stream
/// cancels the call. The trait is sealed: implement [`Stream`] instead.
pub trait IntoStreamingRequest<T>: sealed::SealedRequest<T> {
    /// Converts it to a request.
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

/// An item of a request stream: a message, or a `Result`. The trait is sealed.
pub trait IntoItem<T>: sealed::SealedItem<T> {
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

/// Keeps traits from being implemented elsewhere, so that they can grow.
///
/// ```compile_fail,E0277
/// use rust_scaffold::{IntoStreamingRequest, Request, Streaming};
///
/// struct Mine;
///
/// impl IntoStreamingRequest<i32> for Mine {
///     fn into_streaming_request(self) -> Request<Streaming<i32>> {
///         Request::new(Streaming::default())
///     }
/// }
/// ```
mod sealed {
    use super::{IntoItem, Status};

    pub trait SealedRequest<T> {}

    impl<T, R: tonic::IntoStreamingRequest<Message: IntoItem<T>>> SealedRequest<T> for R {}

    pub trait SealedItem<T> {}

    impl<T> SealedItem<T> for T {}

    impl<T> SealedItem<T> for Result<T, Status> {}
}
