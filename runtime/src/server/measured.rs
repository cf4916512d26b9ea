//! Metrics of the requests that reach a server.

use std::sync::Arc;

use super::{
    observed::{ArrivedCall, CallObserver, ObservedCall},
    routes::RoutedMethod,
};
use crate::{
    intercept::call_metrics::{Instruments, MeasuredCall},
    protocol::Protocol,
};

/// Measures the calls of a server.
pub(super) struct ServerMetrics(pub(super) Arc<Instruments>);

impl CallObserver for ServerMetrics {
    fn on_start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall> {
        Protocol::of_call(call.request.headers())?;
        let path = match call.method {
            RoutedMethod::Known(method) => Some(method.path),
            // A peer could make up as many as it likes.
            RoutedMethod::Foreign | RoutedMethod::Unknown => None,
        };
        let measured = MeasuredCall::start(&self.0, path, None);
        Some(ObservedCall::new(move |end| measured.end(end)))
    }
}
