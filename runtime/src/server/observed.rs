//! What observes the calls of a whole server: each request that reaches it, whatever becomes of it.

use std::{fmt, sync::Arc};

use http::Request;

#[cfg(feature = "tracing")]
use super::routes::RoutedMethod;
use super::routes::{RoutedMethods, Routes};
use crate::{
    call::{
        deadline,
        panics::{catch_panic, record_places},
    },
    connection::{
        connect_info::ConnectInfo,
        http_service::{HttpService, ServiceFuture},
    },
    intercept::{
        CallEnd, Role,
        end::{EndFn, EndObserver},
    },
    protocol::{Protocol, http_body::HttpBody, http_reply::HttpResponse},
};

/// Observes the calls of a server. Unlike an interceptor, it sees requests that are refused before there is a
/// call: for unknown services and methods, with malformed headers, or in no protocol that the server speaks.
pub(super) trait CallObserver: Send + Sync {
    /// A request has arrived. None if nobody wants to know what becomes of it.
    fn on_start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall>;
}

/// A request that has arrived.
pub(super) struct ArrivedCall<'a> {
    pub(super) request: &'a mut Request<HttpBody>,
    /// What is known about its connection.
    pub(super) info: Option<&'a ConnectInfo>,
    #[cfg(feature = "tracing")]
    pub(super) method: RoutedMethod,
}

/// A call that is observed.
pub(super) struct ObservedCall {
    /// What is done when it has been answered to the end, or was cancelled.
    on_end: EndFn,
    scope: CallScope,
}

/// What a call is served in: a span of `tracing`, if that is there.
struct CallScope {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

/// The observers of a server, the outermost one first.
#[derive(Clone, Default)]
pub(super) struct CallObservers(Vec<Arc<dyn CallObserver>>);

impl CallObservers {
    pub(super) fn add(&mut self, observer: Arc<dyn CallObserver>) {
        self.0.push(observer);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the observers around `routes`, which stay as they are if there are none. If there are, panics say where
    /// they began.
    pub(super) fn wrap(&self, routes: Routes, methods: &RoutedMethods) -> Routes {
        if self.0.is_empty() {
            return routes;
        }
        record_places();
        Routes::from_http_service(ObservedService {
            inner: routes.into_http_service(),
            observers: self.clone(),
            methods: methods.clone(),
        })
    }

    /// Tells them that a request has arrived. None if none of them wants to know what becomes of it.
    fn start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall> {
        self.0.iter().fold(None, |outer: Option<ObservedCall>, observer| {
            // A subscriber that panics, or a meter, spoils neither the call nor what others see of it.
            let inner = catch_panic(|| match &outer {
                Some(outer) => outer.scope.run(|| observer.on_start(call)),
                None => observer.on_start(call),
            });
            match (outer, inner.ok().flatten()) {
                (Some(outer), Some(inner)) => Some(outer.around(inner)),
                (outer, inner) => outer.or(inner),
            }
        })
    }
}

impl ObservedCall {
    pub(super) fn new(on_end: impl FnOnce(&CallEnd<'_>) + Send + 'static) -> Self {
        Self { on_end: Box::new(on_end), scope: CallScope::none() }
    }

    /// The same call, served in `span`.
    #[cfg(feature = "tracing")]
    pub(super) fn in_span(self, span: tracing::Span) -> Self {
        Self { scope: CallScope { span }, ..self }
    }

    /// Both, of which `inner` is told of the end first.
    fn around(self, inner: Self) -> Self {
        let (tell_inner, tell_outer) = (inner.on_end, self.on_end);
        let on_end = move |end: &CallEnd<'_>| {
            // A subscriber may be the user's.
            let _panic = catch_panic(|| tell_inner(end));
            tell_outer(end);
        };
        Self { on_end: Box::new(on_end), scope: self.scope.around(inner.scope) }
    }
}

impl CallScope {
    fn none() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        }
    }

    /// The inner one of both that is a span.
    fn around(self, inner: Self) -> Self {
        #[cfg(feature = "tracing")]
        return if inner.span.is_none() { self } else { inner };
        #[cfg(not(feature = "tracing"))]
        inner
    }

    fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        let _entered = self.span.enter();
        work()
    }
}

impl fmt::Debug for CallObservers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallObservers").field(&self.0.len()).finish()
    }
}

/// A service whose calls are observed.
pub(super) struct ObservedService {
    inner: Arc<dyn HttpService>,
    observers: CallObservers,
    #[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "nobody wants to know"))]
    methods: RoutedMethods,
}

impl ObservedService {
    /// Has `answer` answer `request`, and the observers told of it.
    fn observe(
        &self,
        mut request: Request<HttpBody>,
        info: Option<&ConnectInfo>,
        answer: impl FnOnce(Request<HttpBody>) -> ServiceFuture,
    ) -> ServiceFuture {
        // Behind another server, it may be known from a layer.
        let mounted = match info {
            Some(_) => None,
            None => request.extensions().get::<ConnectInfo>().cloned(),
        };
        let mut call = ArrivedCall {
            #[cfg(feature = "tracing")]
            method: self.methods.find(request.uri().path()),
            info: info.or(mounted.as_ref()),
            request: &mut request,
        };
        let observed = self.observers.start(&mut call);
        let Some(ObservedCall { on_end, scope }) = observed else { return answer(request) };
        let deadline = deadline::of_headers(request.headers()).ok().flatten();
        let observer = EndObserver::new(on_end, Role::Server, deadline);
        let request = match Protocol::of_call(request.headers()) {
            Some(protocol) if !protocol.is_text() => {
                request.map(|body| body.observed_request(observer.of_requests()))
            }
            // Its messages are not seen before they are decoded, or there are none: it is plain HTTP.
            _ => request,
        };
        let future = scope.run(|| answer(request)).observed(observer);
        #[cfg(feature = "tracing")]
        let future = future.in_span(scope.span);
        future
    }
}

impl HttpService for ObservedService {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        self.call_from(request, None)
    }

    fn call_from(&self, request: Request<HttpBody>, info: Option<&ConnectInfo>) -> ServiceFuture {
        self.observe(request, info, |request| self.inner.call_from(request, info))
    }

    fn refuse(
        &self,
        request: Request<HttpBody>,
        refusal: Box<HttpResponse>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.observe(request, info, |request| self.inner.refuse(request, refusal, info))
    }

    fn wants_info(&self) -> bool {
        true
    }
}
