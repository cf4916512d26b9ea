//! [`Context`]: what calls inherit from the call in whose service they are made.

use std::{
    cell::RefCell,
    fmt,
    future::{Future, poll_fn},
    mem,
    pin::pin,
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tonic::Status;

use super::{
    deadline::{self, Deadline},
    parent::{ParentCall, ServedCallGuard},
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

thread_local! {
    /// The context of the call that is being served on this thread right now. Nothing but the code of this file
    /// runs while it is borrowed.
    static CURRENT: RefCell<Context> = const { RefCell::new(Context::NONE) };
}

/// What calls inherit from the call in whose service they are made.
///
/// A handler that calls other services passes on to them, automatically:
///
/// - what is left of its deadline, unless the call has an earlier one;
/// - its cancellation: when the client goes away, the handler is dropped, and the calls with it;
/// - the [trace context](https://www.w3.org/TR/trace-context/) in `traceparent` and `tracestate`,
///   [`baggage`](https://www.w3.org/TR/baggage/) and `x-request-id`, unless the call has its own.
///
/// This holds for the handler, for the streams that it returns, and for interceptors of its service, over every
/// transport, in process and in mocks. Headers are added before the client's interceptors run.
///
/// It does not reach into other tasks by itself. There, run the work in the handler's context:
///
/// ```
/// use rust_scaffold::Context;
///
/// # async fn handler() {
/// # async fn warm_the_cache() {}
/// tokio::spawn(Context::current().scope(async {
///     // Calls made here end when the call that is being served does.
///     warm_the_cache().await;
/// }));
/// # }
/// ```
///
/// A stream of responses that the handler receives and hands to another task keeps the deadline, but is not cancelled
/// with the handler, unless the call was made there or by [`BidiCall::open`](crate::BidiCall::open). Work that several calls wait for, such as the filling of a cache, belongs to none of them: run it in
/// `Context::default()`, or through a [detached](crate::Channel::detached) channel.
#[derive(Clone, Default)]
pub struct Context {
    deadline: Option<Instant>,
    headers: InheritedHeaders,
    life: Life,
    /// In which work is done in this context. None while that is entered, or if it does not matter.
    #[cfg(feature = "tracing")]
    span: WorkSpan,
}

/// A span of `tracing`, or none.
#[cfg(feature = "tracing")]
#[derive(Clone)]
struct WorkSpan(tracing::Span);

#[cfg(feature = "tracing")]
impl Default for WorkSpan {
    fn default() -> Self {
        Self(tracing::Span::none())
    }
}

/// The headers that calls inherit, with all of their values. None if there are none: most calls have none.
#[derive(Clone, Default)]
pub(crate) struct InheritedHeaders(Option<Arc<Vec<(HeaderName, HeaderValue)>>>);

/// What serves a call keeps of its context, besides the deadline.
#[derive(Default)]
pub(crate) struct ServedContext {
    headers: InheritedHeaders,
    guard: ServedCallGuard,
}

/// How long the call of a context goes on.
#[derive(Clone, Default)]
enum Life {
    /// There is no call, or it does not matter any more.
    #[default]
    Unlimited,
    /// As long as there is this, or a clone of it.
    Served(ServedCallGuard),
    /// Until this says so.
    Linked(Box<ParentCall>),
}

impl Context {
    const NONE: Self = Self {
        deadline: None,
        headers: InheritedHeaders(None),
        life: Life::Unlimited,
        #[cfg(feature = "tracing")]
        span: WorkSpan(tracing::Span::none()),
    };

    fn new(deadline: Option<Instant>, headers: InheritedHeaders, life: Life) -> Self {
        Self {
            deadline,
            headers,
            life,
            #[cfg(feature = "tracing")]
            span: WorkSpan::default(),
        }
    }

    /// The context of the call that is being served here, or an empty one if there is none.
    pub fn current() -> Self {
        let context = CURRENT.with_borrow_mut(|current| {
            let life = match &mut current.life {
                Life::Unlimited => Life::Unlimited,
                Life::Served(guard) => Life::Linked(Box::new(guard.link())),
                Life::Linked(link) => Life::Linked(link.clone()),
            };
            Self::new(current.deadline, current.headers.clone(), life)
        });
        context.in_current_span()
    }

    /// Runs `work` in this context, and with the feature `tracing` in the span in which the context was taken: calls that
    /// it makes inherit from it. They fail with `Cancelled` when the call of the context is over: answered, to the end
    /// of its stream, or cancelled; less than 10 ms before their deadline, with `DeadlineExceeded`. Other work goes on.
    pub async fn scope<F: Future>(mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let _entered = self.enter();
            work.as_mut().poll(cx)
        })
        .await
    }

    /// This context without its deadline and its cancellation, for work that goes on when the call is over. The
    /// headers stay.
    #[must_use]
    pub fn fork(self) -> Self {
        Self { deadline: None, life: Life::Unlimited, ..self }
    }

    /// When the call has to end, if it has a deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the call is over: answered, to the end of its stream, or cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.life, Life::Linked(link) if link.is_cancelled())
    }

    /// Waits until the call is over: for ever if there is none.
    pub async fn cancelled(self) {
        match self.life {
            Life::Linked(link) => link.cancelled().await,
            _ => std::future::pending().await,
        }
    }

    /// The context that is current, for what goes on serving its call: as long as there is this, the call is not
    /// over.
    pub(crate) fn serving() -> Self {
        CURRENT.with_borrow(Self::clone).in_current_span()
    }

    /// The context that is current, for messages of a call that is made or served in it, and with which they are
    /// dropped.
    pub(crate) fn of_messages() -> Self {
        let context = CURRENT.with_borrow(|current| Self {
            deadline: current.deadline,
            headers: current.headers.clone(),
            ..Self::default()
        });
        context.in_current_span()
    }

    /// This context, with the span that is current here. It is not in [`CURRENT`], as subscribers must not run while
    /// that is borrowed.
    #[cfg(feature = "tracing")]
    fn in_current_span(self) -> Self {
        Self { span: WorkSpan(tracing::Span::current()), ..self }
    }

    #[cfg(not(feature = "tracing"))]
    fn in_current_span(self) -> Self {
        self
    }

    /// Makes this the current context until the result is dropped.
    fn enter(&mut self) -> EnteredContext<'_> {
        #[cfg(feature = "tracing")]
        let span = Some(mem::take(&mut self.span).0.entered());
        let outer = CURRENT.replace(mem::take(self));
        EnteredContext {
            context: self,
            outer,
            #[cfg(feature = "tracing")]
            span,
        }
    }

    /// Adds to a call with these headers what it inherits, and returns when it ends: at `own` by itself.
    fn pass_on(&self, headers: &mut HeaderMap, own: Option<Instant>) -> Result<Deadline, Status> {
        if self.deadline.is_some_and(deadline::has_passed) {
            return Err(deadline::exceeded());
        }
        if self.is_cancelled() {
            return Err(deadline::parent_is_over());
        }
        let parent = match &self.life {
            Life::Linked(link) => Some(ParentCall::clone(link)),
            // Its handler waits for the call, and is dropped with it.
            Life::Served(_) | Life::Unlimited => None,
        };
        self.add_missing(headers);
        let deadline = match self.deadline {
            Some(inherited) if own.is_none_or(|own| inherited < own) => {
                deadline::insert_timeout(headers, inherited);
                Some(inherited)
            }
            _ => own,
        };
        Ok(Deadline::at(deadline).within(parent))
    }

    fn add_missing(&self, headers: &mut HeaderMap) {
        let Some(inherited) = &self.headers.0 else { return };
        // The state belongs to its parent.
        let has_trace = headers.contains_key(TRACEPARENT);
        let mut decided = None;
        for (name, value) in inherited.iter() {
            // The values of a name follow each other, as `HeaderMap` has had them.
            let is_missing = match decided {
                Some((last, is_missing)) if last == name => is_missing,
                _ => {
                    let is_of_other_trace = has_trace && *name == TRACESTATE;
                    !is_of_other_trace && !headers.contains_key(name)
                }
            };
            decided = Some((name, is_missing));
            if is_missing {
                headers.append(name.clone(), value.clone());
            }
        }
    }
}

impl fmt::Debug for InheritedHeaders {
    /// Only how many there are: their values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InheritedHeaders").field(&self.0.as_ref().map_or(0, |it| it.len())).finish()
    }
}

impl InheritedHeaders {
    /// Those of a call that has these `headers`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut inherited = Vec::new();
        for (name, value) in headers {
            if is_inherited(name) {
                inherited.push((name.clone(), value.clone()));
            }
        }
        Self((!inherited.is_empty()).then(|| Arc::new(inherited)))
    }
}

impl ServedContext {
    pub(crate) fn new(headers: InheritedHeaders) -> Self {
        Self { headers, guard: ServedCallGuard::default() }
    }

    /// What keeps the call going, if somebody wants to know its end.
    pub(crate) fn into_guard(self) -> Option<ServedCallGuard> {
        Some(self.guard).filter(ServedCallGuard::is_linked)
    }

    /// Runs `work`, which serves the call, in its context. Returns what is left to serve it with.
    pub(crate) fn run<R>(self, deadline: Option<Instant>, work: impl FnOnce() -> R) -> (R, Self) {
        let Self { headers, guard } = self;
        let life = Life::Served(guard);
        let mut context = Context::new(deadline, headers, life);
        let entered = context.enter();
        let result = work();
        drop(entered);
        let Context { headers, life, .. } = context;
        match life {
            Life::Served(guard) => (result, Self { headers, guard }),
            Life::Unlimited | Life::Linked(_) => (result, Self::new(headers)),
        }
    }
}

fn is_inherited(name: &HeaderName) -> bool {
    matches!(name.as_str(), TRACEPARENT | TRACESTATE | "baggage" | "x-request-id")
}

/// A context while it is the current one.
struct EnteredContext<'a> {
    context: &'a mut Context,
    outer: Context,
    #[cfg(feature = "tracing")]
    span: Option<tracing::span::EnteredSpan>,
}

impl Drop for EnteredContext<'_> {
    fn drop(&mut self) {
        // Back, with what `Context::current` may have added to it.
        *self.context = CURRENT.replace(mem::take(&mut self.outer));
        #[cfg(feature = "tracing")]
        if let Some(span) = self.span.take() {
            self.context.span = WorkSpan(span.exit());
        }
    }
}

/// Runs `work` in `context`, which it returns.
pub(crate) fn run<R>(context: Option<Context>, work: impl FnOnce() -> R) -> (R, Option<Context>) {
    let Some(mut context) = context else { return (work(), None) };
    let entered = context.enter();
    let result = work();
    drop(entered);
    (result, Some(context))
}

/// When a call that starts now with `headers` ends, if it inherits nothing.
///
/// # Errors
/// Its `grpc-timeout` is malformed, or has already passed.
pub(crate) fn detached(headers: &HeaderMap) -> Result<Deadline, Status> {
    deadline::of_headers(headers).map(Deadline::at)
}

/// When a call that starts now with `headers` ends. Adds to them what it inherits.
///
/// # Errors
/// Its `grpc-timeout` is malformed, or has already passed; or the call that is being served here is over.
pub(crate) fn inherit(headers: &mut HeaderMap) -> Result<Deadline, Status> {
    let own = deadline::of_headers(headers)?;
    CURRENT.with_borrow(|current| current.pass_on(headers, own))
}

impl fmt::Debug for Context {
    /// Without the headers, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("deadline", &self.deadline)
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
