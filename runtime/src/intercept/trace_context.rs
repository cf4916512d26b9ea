//! The trace of OpenTelemetry that a span belongs to, in the headers of its call.
//!
//! See [W3C's trace context](https://www.w3.org/TR/trace-context/).

use std::str::FromStr as _;

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::call::trace_id;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Makes `span` continue the trace in `headers`, if there is one.
pub(super) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if let Some(parent) = parent(headers) {
        // Fails if nothing makes it a span of OpenTelemetry.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Whether the current span belongs to a trace of OpenTelemetry.
pub(super) fn is_in_trace() -> bool {
    Span::current().context().span().span_context().is_valid()
}

/// Makes `span` the parent in `headers`, in the place of another one and of its state. Does nothing if it belongs to
/// no trace of OpenTelemetry.
pub(super) fn propagate(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    let span = context.span();
    let parent = span.span_context();
    if !parent.is_valid() {
        return;
    }
    let (trace, id, flags) = (parent.trace_id(), parent.span_id(), parent.trace_flags());
    let sampled = u8::from(flags.is_sampled());
    if let Ok(value) = HeaderValue::try_from(format!("00-{trace}-{id}-{sampled:02x}")) {
        headers.insert(TRACEPARENT, value);
    }
    headers.remove(TRACESTATE);
    let state = parent.trace_state().header();
    if let (false, Ok(value)) = (state.is_empty(), HeaderValue::try_from(state)) {
        headers.insert(TRACESTATE, value);
    }
}

/// The span in `headers` that is the parent of what they belong to.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    trace_id::TraceId::of(headers)?;
    // Validated, so all of these are ASCII and long enough.
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    let trace = TraceId::from_hex(value.get(3..35)?).ok()?;
    let span = SpanId::from_hex(value.get(36..52)?).ok()?;
    let flags = u8::from_str_radix(value.get(53..55)?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace, span, flags, true, state(headers)))
}

/// All values of the state as one. One that is malformed does not count.
fn state(headers: &HeaderMap) -> TraceState {
    let values = headers.get_all(TRACESTATE).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    TraceState::from_str(&values.join(",")).unwrap_or_default()
}
