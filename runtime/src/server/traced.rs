//! A span for each request that reaches a server.

use super::{
    observed::{ArrivedCall, CallObserver, ObservedCall},
    routes::RoutedMethod,
};
use crate::{
    intercept::{
        Role,
        trace_calls::{CallSpan, TraceCalls},
    },
    protocol::Protocol,
};

impl CallObserver for TraceCalls {
    fn on_start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall> {
        Protocol::of_call(call.request.headers())?;
        let path = match call.method {
            RoutedMethod::Known(method) => Some(method.path),
            RoutedMethod::Foreign => Some(call.request.uri().path()),
            RoutedMethod::Unknown => None,
        };
        let span = CallSpan::start(self, Role::Server, path);
        if span.is_disabled() {
            return None;
        }
        span.join_trace(call.request.headers_mut());
        if let Some(info) = call.info {
            span.record_peer(info);
        }
        let tracing = span.span.clone();
        Some(ObservedCall { on_end: Box::new(move |end| span.end(end)), span: tracing })
    }
}
