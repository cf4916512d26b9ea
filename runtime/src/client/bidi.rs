//! [`BidiCall`]: a bidirectional streaming call that can be awaited or opened.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Response, Status, metadata::MetadataMap};

use crate::call::{
    context::Context as CallContext,
    reply::CallFuture,
    streaming::{self, Source, Streaming},
};

/// A bidirectional streaming call that has not started yet. A generated client's method returns it for
/// `rpc Tail(stream Query) returns (stream Point)`.
///
/// There are two ways to start it.
///
/// Await it to get the response once the server has sent its headers. A server may read a request before
/// it sends them, and many do, so the first requests must be sent while the caller waits: from a stream
/// that already has them, or from another task. A caller that waits for the headers before it sends its
/// first request deadlocks with a server that reads first.
///
/// [`open`](Self::open) it to start the call at once. The caller then sends, receives and waits for the
/// headers in any order.
///
/// ```
/// # use rust_scaffold::{BidiCall, Request, Response, Status, Streaming};
/// # struct Client;
/// # impl Client {
/// #     fn double(&self, mut requests: Streaming<u32>) -> BidiCall<u32> {
/// #         BidiCall::new(async move {
/// #             let first = requests.message().await?.unwrap_or_default();
/// #             Ok(Response::new(Streaming::from_iter([first * 2])))
/// #         })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Status> {
/// # let client = Client;
/// let (numbers, requests) = Streaming::channel(16);
/// let (headers, mut doubled) = client.double(requests).open();
/// numbers.send(4).await?;
/// assert_eq!(doubled.message().await?, Some(8));
/// assert!(headers.await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use = "a call does nothing unless it is awaited or opened"]
pub struct BidiCall<Res>(CallFuture<'static, Response<Streaming<Res>>>);

impl<Res> BidiCall<Res> {
    /// A call that is made by polling `response`. Generated clients use it; call it yourself to implement
    /// the contract in another way.
    pub fn new<F>(response: F) -> Self
    where
        F: Future<Output = Result<Response<Streaming<Res>>, Status>> + Send + 'static,
    {
        Self(Box::pin(response))
    }

    /// Starts the call at once, and returns a future of the response headers and the stream of responses.
    /// Neither waits for the other. Until the headers arrive, the call runs on a task of its own.
    ///
    /// Requests are sent through the stream that was passed to the method; [`Streaming::channel`] makes
    /// one for messages that are not available yet. If the call fails before its headers, both return the
    /// status. Dropping the stream of responses cancels the call; dropping the headers has no effect.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(self) -> (ResponseHeaders, Streaming<Res>)
    where
        Res: Send + 'static,
    {
        let (headers, come) = oneshot::channel();
        let response = self.0;
        let opening = tokio::spawn(CallContext::current().scope(async move {
            let (begun, opened) = match response.await {
                Ok(response) => {
                    let (metadata, messages, _) = response.into_parts();
                    (Ok(metadata), Ok(messages))
                }
                Err(status) => (Err(status.clone()), Err(status)),
            };
            // The caller may have dropped the headers.
            let _ = headers.send(begun);
            opened
        }));
        let responses = Streaming::from_source(BidiResponses::Opening(Opening(opening)));
        (ResponseHeaders(come), responses)
    }
}

impl<Res> Future for BidiCall<Res> {
    type Output = Result<Response<Streaming<Res>>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<Res> fmt::Debug for BidiCall<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BidiCall").finish_non_exhaustive()
    }
}

/// A future of the metadata in a call's response headers. Made by [`BidiCall::open`].
///
/// It fails with the status of the call if that fails before its headers, and with `Cancelled` if the
/// stream of responses is dropped before.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct ResponseHeaders(oneshot::Receiver<Result<MetadataMap, Status>>);

impl Future for ResponseHeaders {
    type Output = Result<MetadataMap, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let headers = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(headers.unwrap_or_else(|_| Err(given_up())))
    }
}

/// The responses of a call made by [`BidiCall::open`].
enum BidiResponses<Res> {
    Opening(Opening<Res>),
    Open(Streaming<Res>),
}

impl<Res: Send> Source<Res> for BidiResponses<Res> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Res, Status>>> {
        loop {
            match &mut *self {
                Self::Open(messages) => return messages.poll_message(cx),
                Self::Opening(opening) => match ready!(opening.poll(cx)) {
                    Ok(messages) => *self = Self::Open(messages),
                    Err(status) => return Poll::Ready(Some(Err(status))),
                },
            }
        }
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        match &mut *self {
            Self::Opening(_) => MetadataMap::new(),
            Self::Open(messages) => messages.take_received_trailers(),
        }
    }

    fn is_counted(&self) -> bool {
        match self {
            Self::Opening(_) => false,
            Self::Open(messages) => messages.is_counted(),
        }
    }
}

/// The task of a call whose headers have not arrived. Dropping this cancels the call.
struct Opening<Res>(JoinHandle<Result<Streaming<Res>, Status>>);

impl<Res> Opening<Res> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Streaming<Res>, Status>> {
        Pin::new(&mut self.0).poll(cx).map(|opened| match opened {
            Ok(opened) => opened,
            // On another thread, most likely.
            Err(error) if error.is_panic() => Err(streaming::panicked()),
            Err(_) => Err(given_up()),
        })
    }
}

impl<Res> Drop for Opening<Res> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn given_up() -> Status {
    Status::cancelled("the call was dropped before its headers came")
}
