//! A span for each request that reaches a server.

use super::{
    observed::{ArrivedCall, CallObserver, ObservedCall},
    routes::RoutedMethod,
};
use crate::{
    intercept::{
        Role,
        trace_calls::{CallSpan, SpanCaller, SpanMethod, TraceCalls},
    },
    protocol::Protocol,
};

impl CallObserver for TraceCalls {
    fn on_start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall> {
        Protocol::of_call(call.request.headers())?;
        let method = match call.method {
            RoutedMethod::Known(method) => SpanMethod::Known(method.path),
            // A peer could make up as many as it likes.
            RoutedMethod::Foreign | RoutedMethod::Unknown => {
                SpanMethod::Other(call.request.uri().path())
            }
        };
        let caller = SpanCaller::of(call.info, call.request.extensions());
        let span = CallSpan::start(self, Role::Server, method, &caller);
        if span.is_disabled() {
            return None;
        }
        span.join_trace(call.request.headers_mut());
        let tracing = span.span.clone();
        Some(ObservedCall::new(move |end| span.end(end)).in_span(tracing))
    }
}
