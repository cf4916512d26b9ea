//! What the requests of a connection are given to.

#[cfg(feature = "web")]
use std::task::Waker;
#[cfg(any(feature = "web", feature = "_observed"))]
use std::task::ready;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::connect_info::ConnectInfo;
#[cfg(feature = "_observed")]
use super::fitted::{FitObserver, FittedObserver};
#[cfg(feature = "_observed")]
use crate::{call::observer::MessageObserver, protocol::observed_body::observe_response};
use crate::{
    call::{dropped::drop_ended, panics::catch_panic, status},
    protocol::{
        Protocol,
        header_list::HeaderLimit,
        http_body::HttpBody,
        http_reply::{HttpReplyFuture, HttpResponse, failed},
    },
};
use http::{Request, Response};
use http_body::Body as _;
use tonic::Status;

/// A service, type-erased.
pub(crate) trait HttpService: Send + Sync {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture;

    /// Calls it for a request that has come over a connection about which `info` is known.
    #[cfg(feature = "_observed")]
    fn call_from(&self, request: Request<HttpBody>, _info: Option<&ConnectInfo>) -> ServiceFuture {
        self.call(request)
    }

    /// Answers a request that is not to be served, with `refusal`.
    fn refuse(
        &self,
        _request: Request<HttpBody>,
        refusal: Box<HttpResponse>,
        _info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        ServiceFuture::Refused(Some(refusal))
    }

    /// Whether it is to be told what is known about connections.
    fn wants_info(&self) -> bool {
        false
    }
}

/// The protocol of `response`, whose request was in `requested`. None for plain HTTP.
pub(crate) fn response_protocol(
    response: &Response<HttpBody>,
    requested: Option<Protocol>,
) -> Option<Protocol> {
    match response.body().reply_protocol() {
        Some(protocol) => Some(protocol),
        None if response.body().is_end_stream() => requested,
        // Another library has written it.
        None => Protocol::of_call(response.headers()),
    }
}

/// A future of a service's response.
pub(crate) enum ServiceFuture {
    Ours(HttpReplyFuture),
    /// The future of another library's service, and the protocol of the call; None if it is plain HTTP.
    Other(Option<Protocol>, Pin<Box<dyn Future<Output = Response<HttpBody>> + Send>>),
    /// What is made of another response, and the protocol of the call; None if it is plain HTTP.
    #[cfg(feature = "web")]
    Then(Option<Protocol>, Box<dyn ThenFuture>),
    Refused(Option<Box<Response<HttpBody>>>),
    #[cfg(feature = "_observed")]
    Observed(Box<ObservedFuture>),
}

/// A response that is shown to an observer once it is there.
#[cfg(feature = "_observed")]
pub(crate) struct ObservedFuture {
    inner: ServiceFuture,
    /// None once the response is there.
    observer: Option<Box<dyn FitObserver>>,
    /// What the client takes, and the protocol in which it is told of a failure. None if that is not known.
    fit: Option<(HeaderLimit, Option<Protocol>)>,
    /// In which it is waited for.
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl ServiceFuture {
    /// The protocol in which a failure of the call is told. None if it is plain HTTP.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Ours(reply) => reply.protocol(),
            Self::Other(protocol, _) => *protocol,
            #[cfg(feature = "web")]
            Self::Then(protocol, _) => *protocol,
            Self::Refused(refusal) => Protocol::of_call(refusal.as_ref()?.headers()),
            #[cfg(feature = "_observed")]
            Self::Observed(observed) => observed.inner.protocol(),
        }
    }

    /// Whether it is there already, and no handler has been called for it.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Ours(_) | Self::Other(..) => false,
            #[cfg(feature = "web")]
            Self::Then(..) => false,
            #[cfg(feature = "_observed")]
            Self::Observed(observed) => observed.inner.is_refusal(),
        }
    }

    /// Shows observers the response as a client gets it that takes headers up to `limit`, and is told of failures in
    /// `protocol`.
    #[cfg_attr(not(feature = "_observed"), allow(unused_variables, reason = "nobody observes"))]
    pub(crate) fn fit_to(&mut self, limit: HeaderLimit, protocol: Option<Protocol>) {
        #[cfg(feature = "_observed")]
        if let Self::Observed(observed) = self {
            observed.fit = Some((limit, protocol));
        }
    }

    /// What `answer` makes of the response. A refusal stays one. `protocol` is that of the call; None for plain HTTP.
    #[cfg(feature = "web")]
    pub(crate) fn then<A, F>(self, protocol: Option<Protocol>, answer: A) -> Self
    where
        A: FnOnce(Response<HttpBody>) -> F + Send + 'static,
        F: Future<Output = Response<HttpBody>> + Send + 'static,
    {
        let is_refusal = self.is_refusal();
        let inner = self.protocol();
        let mut then = ThenResponse { waiting: Some((self, answer)), inner, answering: None };
        if is_refusal
            && let Poll::Ready(refusal) = then.poll(&mut Context::from_waker(Waker::noop()))
        {
            return Self::Refused(Some(Box::new(refusal)));
        }
        Self::Then(protocol, Box::new(then))
    }

    /// Ends the call with `status`, and drops what serves it. The response is in `protocol`, or else plain HTTP; what
    /// `then` would have made of another one is made of it.
    pub(crate) fn fail(self, protocol: Option<Protocol>, status: &Status) -> Response<HttpBody> {
        match self {
            #[cfg(feature = "web")]
            Self::Then(_, mut then) => {
                let response = catch_panic(|| then.fail(status)).ok().flatten();
                drop_ended(then, status);
                response.unwrap_or_else(|| failed(protocol, status))
            }
            serving => {
                drop_ended(serving, status);
                failed(protocol, status)
            }
        }
    }

    /// A panic of the service fails this call only.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>> {
        match self {
            Self::Ours(reply) => Pin::new(reply).poll(cx).map(|Ok(response)| response),
            Self::Other(protocol, response) => contained(*protocol, || response.as_mut().poll(cx)),
            #[cfg(feature = "web")]
            Self::Then(protocol, then) => contained(*protocol, || then.poll(cx)),
            Self::Refused(refusal) => match refusal.take() {
                Some(response) => Poll::Ready(*response),
                None => Poll::Pending,
            },
            #[cfg(feature = "_observed")]
            Self::Observed(observed) => observed.poll(cx),
        }
    }
}

#[cfg(feature = "_observed")]
impl ServiceFuture {
    /// Whether it is plain HTTP for another library.
    fn is_plain_http(&self) -> bool {
        match self {
            Self::Other(protocol, _) => protocol.is_none(),
            #[cfg(feature = "web")]
            Self::Then(protocol, _) => protocol.is_none(),
            Self::Ours(_) | Self::Refused(_) => false,
            Self::Observed(observed) => observed.inner.is_plain_http(),
        }
    }

    /// This response, shown to `observer`. If it is dropped before that, the call was cancelled.
    pub(crate) fn observed(self, observer: impl MessageObserver + 'static) -> Self {
        Self::Observed(Box::new(ObservedFuture {
            inner: self,
            observer: Some(Box::new(FittedObserver::new(observer))),
            fit: None,
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        }))
    }

    /// This response, waited for in `span`.
    #[cfg(feature = "tracing")]
    pub(crate) fn in_span(mut self, span: tracing::Span) -> Self {
        if let Self::Observed(observed) = &mut self {
            observed.span = span;
        }
        self
    }
}

#[cfg(feature = "_observed")]
impl ObservedFuture {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>> {
        #[cfg(feature = "tracing")]
        let _entered = self.span.enter();
        let mut response = ready!(self.inner.poll(cx));
        let is_call = !self.inner.is_plain_http();
        let Some(mut observer) = self.observer.take() else { return Poll::Ready(response) };
        if let Some((limit, protocol)) = self.fit {
            fit_head(&mut response, limit, protocol);
            if Protocol::of_call(response.headers()).is_some_and(Protocol::has_http_trailers) {
                observer.fit_to(limit);
            }
        }
        Poll::Ready(observe_response(response, observer, is_call))
    }
}

/// What `poll` returns. If it panics, the call in `protocol` has failed.
fn contained(
    protocol: Option<Protocol>,
    poll: impl FnOnce() -> Poll<Response<HttpBody>>,
) -> Poll<Response<HttpBody>> {
    catch_panic(poll).unwrap_or_else(|_| Poll::Ready(failed(protocol, &status::panicked())))
}

/// A future of a response that is made of another one.
#[cfg(feature = "web")]
pub(crate) trait ThenFuture: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>>;

    /// What is made of the failure of the other one with `status`. None if that takes longer than a moment.
    fn fail(&mut self, status: &Status) -> Option<Response<HttpBody>>;
}

#[cfg(feature = "web")]
struct ThenResponse<A, F> {
    /// The other response, and what makes this one of it. None once it is there.
    waiting: Option<(ServiceFuture, A)>,
    /// The protocol of the other response. None if it is plain HTTP.
    inner: Option<Protocol>,
    answering: Option<Pin<Box<F>>>,
}

#[cfg(feature = "web")]
impl<A, F> ThenResponse<A, F>
where
    A: FnOnce(Response<HttpBody>) -> F,
    F: Future<Output = Response<HttpBody>>,
{
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>> {
        match &mut self.answering {
            Some(answering) => answering.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

#[cfg(feature = "web")]
impl<A, F> ThenFuture for ThenResponse<A, F>
where
    A: FnOnce(Response<HttpBody>) -> F + Send,
    F: Future<Output = Response<HttpBody>> + Send,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>> {
        if let Some((serving, _)) = &mut self.waiting {
            let response = ready!(serving.poll(cx));
            // The service is done, and dropped.
            let answer = self.waiting.take().map(|(_serving, answer)| answer);
            self.answering = answer.map(|answer| Box::pin(answer(response)));
        }
        self.poll_answer(cx)
    }

    fn fail(&mut self, status: &Status) -> Option<Response<HttpBody>> {
        if let Some((serving, answer)) = self.waiting.take() {
            let response = serving.fail(self.inner, status);
            self.answering = Some(Box::pin(answer(response)));
        }
        match self.poll_answer(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => Some(response),
            Poll::Pending => None,
        }
    }
}

/// Makes the head of `response` fit by cutting the status message. If that is not enough, the response becomes the
/// failure of a call in `protocol`, or of plain HTTP.
pub(crate) fn fit_head(
    response: &mut Response<HttpBody>,
    limit: HeaderLimit,
    protocol: Option<Protocol>,
) {
    if let Err(refusal) = limit.fit_response(response.headers_mut()) {
        let refused = failed(protocol, &refusal);
        drop_ended(std::mem::replace(response, refused), &refusal);
    }
}

#[cfg(all(test, feature = "web"))]
mod tests {
    use super::*;

    async fn same(response: Response<HttpBody>) -> Response<HttpBody> {
        response
    }

    #[test]
    fn a_refusal_is_in_the_protocol_of_its_response() {
        let refused = |response| ServiceFuture::Refused(Some(Box::new(response)));
        let call = Protocol::GrpcWeb.trailers_only(&status::panicked());
        assert_eq!(refused(call).protocol(), Some(Protocol::GrpcWeb));
        assert_eq!(refused(Response::new(HttpBody::default())).protocol(), None);
    }

    #[test]
    fn what_is_made_of_a_refusal_is_one() {
        let refusal = ServiceFuture::Refused(Some(Box::new(Response::new(HttpBody::default()))));
        assert!(refusal.then(None, same).is_refusal());
        let later = ServiceFuture::Other(None, Box::pin(std::future::pending()));
        assert!(!later.then(None, same).is_refusal());
    }
}
