//! Interceptors and the chain of them that a call passes.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tonic::Status;

use super::{
    call::{InterceptedCall, Role},
    end::{CallEnd, EndFn, EndObserver},
};
use crate::call::{
    deadline::Deadline,
    head::{IncomingCall, IncomingMessages, RequestParams},
    observer::{BoxObserver, MessageObserver},
    reply::{CallFuture, Reply, ReplyFuture},
};

/// Runs around calls. The same trait serves clients and servers, and all four kinds of call.
///
/// [`Server::intercept`](crate::Server::intercept), [`Channel::intercept`](crate::Channel::intercept) and the
/// method `intercept` of generated servers and clients add one. Those of a server run before those of its
/// service, those of a client before those of its channel, and of each in the order in which they were added.
/// They see calls over every transport: connections, tower services, in process with the codec and without,
/// and to mocks.
///
/// An interceptor may change the call before it passes it on with [`Next::run`], end it with a status or a
/// [`Reply`] of its own, run code when the headers of the response are there, and be told how the call has
/// ended ([`Next::on_end`]). When the call is cancelled or its deadline passes, the future of the interceptor
/// is dropped. A panic in it fails the call with `Internal` on a server, and reaches the caller on a client.
///
/// This one counts calls by method and how they end, on either side:
/// ```
/// use std::{collections::HashMap, sync::{Arc, Mutex}};
///
/// use rust_scaffold::{Code, InterceptedCall, Interceptor, Next, Reply, Status};
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::{Request, Response};
/// # struct MyCalculator;
/// # impl Calculator for MyCalculator {
/// #     async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
/// #         let AddRequest { a, b } = request.into_inner();
/// #         Ok(Response::new(AddResponse { result: a + b }))
/// #     }
/// #     async fn subtract(
/// #         &self,
/// #         _: Request<SubtractRequest>,
/// #     ) -> Result<Response<SubtractResponse>, Status> {
/// #         Err(Status::unimplemented("soon"))
/// #     }
/// # }
///
/// #[derive(Clone, Default)]
/// struct CountCalls {
///     ended: Arc<Mutex<HashMap<(String, Code), usize>>>,
/// }
///
/// impl Interceptor for CountCalls {
///     async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
///         let (ended, path) = (Arc::clone(&self.ended), call.path().to_owned());
///         next.on_end(move |end| {
///             *ended.lock().unwrap().entry((path, end.code())).or_default() += 1;
///         })
///         .run(call)
///         .await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Status> {
/// let (on_server, on_client) = (CountCalls::default(), CountCalls::default());
/// let server = CalculatorServer::new(MyCalculator).intercept(on_server.clone());
/// # let channel = rust_scaffold::Channel::in_process(server);
/// // The channel may be any: this one is in process.
/// let client = CalculatorClient::new(channel).intercept(on_client.clone());
/// client.add(AddRequest { a: 5, b: 3 }).await?;
///
/// let key = ("/calculator.Calculator/Add".to_owned(), Code::Ok);
/// assert_eq!(on_server.ended.lock().unwrap()[&key], 1);
/// assert_eq!(on_client.ended.lock().unwrap()[&key], 1);
/// # Ok(())
/// # }
/// ```
///
/// And this one lets calls with a token through:
/// ```
/// use rust_scaffold::{InterceptedCall, Interceptor, Next, Reply, Status};
///
/// struct CheckToken {
///     token: String,
/// }
///
/// impl Interceptor for CheckToken {
///     async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
///         match call.metadata().get("authorization") {
///             Some(token) if *token == *self.token => next.run(call).await,
///             _ => Err(Status::unauthenticated("the token is missing or wrong")),
///         }
///     }
/// }
/// ```
///
/// # Cost
/// A call through an interceptor allocates the interceptor's future, and [`Next::on_end`] a little more. Without
/// interceptors, a call costs nothing more.
pub trait Interceptor: Send + Sync + 'static {
    /// Makes the reply to `call`, by passing it on to `next` or in another way.
    fn intercept(
        &self,
        call: InterceptedCall,
        next: Next<'_>,
    ) -> impl Future<Output = Result<Reply, Status>> + Send;

    /// The same interceptor, type-erased, so that a `Vec` can hold different ones.
    fn shared(self) -> SharedInterceptor
    where
        Self: Sized,
    {
        SharedInterceptor(Arc::new(self))
    }
}

impl<I: Interceptor> Interceptor for Arc<I> {
    fn intercept(
        &self,
        call: InterceptedCall,
        next: Next<'_>,
    ) -> impl Future<Output = Result<Reply, Status>> + Send {
        I::intercept(self, call, next)
    }
}

/// A `Vec` of interceptors is itself an interceptor. Its first element is the outermost one.
impl<I: Interceptor> Interceptor for Vec<I> {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        intercept_all(self, call, next).await
    }
}

fn intercept_all<'a, 'n: 'a, I: Interceptor>(
    interceptors: &'a [I],
    call: InterceptedCall,
    next: Next<'n>,
) -> CallFuture<'a, Reply> {
    Box::pin(async move {
        let Some((first, rest)) = interceptors.split_first() else { return next.run(call).await };
        let mut rest = OtherInterceptors { interceptors: rest, next: Some(next), running: None };
        first.intercept(call, Next::outgoing(&mut rest)).await
    })
}

/// What comes after the first of several interceptors.
struct OtherInterceptors<'a, 'n, I> {
    interceptors: &'a [I],
    /// None once they have started.
    next: Option<Next<'n>>,
    running: Option<CallFuture<'a, Reply>>,
}

impl<'n: 'a, 'a, I: Interceptor> StartCall for OtherInterceptors<'a, 'n, I> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let Some(next) = &mut self.next {
            next.observe_requests(observer);
        }
    }

    fn cancel(&mut self) {
        self.running = None;
    }

    fn start(&mut self, call: InterceptedCall) {
        let next = self.next.take();
        self.running = next.map(|next| intercept_all(self.interceptors, call, next));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        match &mut self.running {
            Some(running) => running.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Any interceptor, type-erased. Clones share it.
#[derive(Clone)]
pub struct SharedInterceptor(Arc<dyn ErasedInterceptor>);

impl SharedInterceptor {
    fn start<'a>(&self, call: InterceptedCall, next: Next<'a>) -> CallFuture<'a, Reply> {
        Arc::clone(&self.0).erased(call, next)
    }
}

impl Interceptor for SharedInterceptor {
    fn intercept(
        &self,
        call: InterceptedCall,
        next: Next<'_>,
    ) -> impl Future<Output = Result<Reply, Status>> + Send {
        self.start(call, next)
    }

    fn shared(self) -> Self {
        self
    }
}

impl fmt::Debug for SharedInterceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

trait ErasedInterceptor: Send + Sync {
    fn erased<'a>(self: Arc<Self>, call: InterceptedCall, next: Next<'a>) -> CallFuture<'a, Reply>;

    fn name(&self) -> &'static str;
}

impl<I: Interceptor> ErasedInterceptor for I {
    fn erased<'a>(self: Arc<Self>, call: InterceptedCall, next: Next<'a>) -> CallFuture<'a, Reply> {
        let deadline = call.deadline;
        Box::pin(async move {
            let mut reply = I::intercept(&self, call, next).await;
            // A reply that the interceptor made itself has no deadline yet. Changed in place: moving it costs.
            if let (Ok(reply), Some(deadline)) = (&mut reply, deadline) {
                reply.body.limit(deadline);
            }
            reply
        })
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<I>()
    }
}

/// The rest of the chain: the remaining interceptors, and then the transport or the service.
pub struct Next<'a> {
    interceptors: Interceptors,
    /// How many of them the call has passed.
    passed: usize,
    then: Then<'a>,
    on_end: Option<EndFn>,
}

/// What comes after the interceptors.
enum Then<'a> {
    /// A call in its caller's future, so that it is not boxed.
    Outgoing(&'a mut (dyn StartCall + 'a)),
    /// A call of a service, which outlives whoever has received it.
    Incoming(ServiceCall<'a>),
}

/// A call that a service has received.
pub(crate) struct ServiceCall<'a> {
    pub(crate) service: Arc<dyn IncomingService>,
    /// The position of the method in the service.
    pub(crate) method: usize,
    pub(crate) messages: IncomingMessages<'a>,
    pub(crate) options: RequestParams,
}

/// A call that is made once interceptors have passed it on.
pub(crate) trait StartCall: Send {
    /// Shows the requests to `observer`. Called before the start.
    fn observe_requests(&mut self, observer: BoxObserver);

    fn start(&mut self, call: InterceptedCall);

    /// Ends the call, unless it has been answered.
    fn cancel(&mut self);

    /// The reply to a call that has started.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>>;
}

/// A service that calls reach once interceptors have passed them on.
pub(crate) trait IncomingService: Send + Sync {
    /// Starts the method at position `method`.
    fn serve<'a>(&self, method: usize, call: IncomingCall<'a>) -> ReplyFuture<'a>;
}

impl<'a> Next<'a> {
    pub(super) fn outgoing(call: &'a mut (dyn StartCall + 'a)) -> Self {
        Self::new(Interceptors::NONE, Then::Outgoing(call))
    }

    fn new(interceptors: Interceptors, then: Then<'a>) -> Self {
        Self { interceptors, passed: 0, then, on_end: None }
    }

    /// Calls `callback` when the call has ended: when the last response has passed, the call has failed, or it was
    /// cancelled, whichever comes first. If the call is not [`run`](Self::run), `callback` is dropped.
    ///
    /// `callback` gets the end as this interceptor sees it: outer interceptors and the client may still change it.
    /// On a server, a call with one response ends when that is handed to the transport. A panic in `callback` is
    /// caught; the panic hook still prints it.
    ///
    /// In particular, a client that takes no headers or trailers as long as those of a response
    /// (`SETTINGS_MAX_HEADER_LIST_SIZE`) gets `ResourceExhausted` instead, which shows only on the connection. A server's own
    /// log, spans and metrics are told of that end.
    #[must_use = "the call does not go on until it is run"]
    pub fn on_end(mut self, callback: impl FnOnce(&CallEnd<'_>) + Send + 'static) -> Self {
        self.on_end = Some(match self.on_end.take() {
            None => Box::new(callback),
            Some(earlier) => Box::new(|end| {
                earlier(end);
                callback(end);
            }),
        });
        self
    }

    /// Passes `call` on, and returns a future of the headers of its response. Streamed responses follow in the body
    /// of the reply. Dropping the future, or the reply, cancels the call.
    ///
    /// # Errors
    /// The status with which the call has failed.
    pub fn run(
        mut self,
        mut call: InterceptedCall,
    ) -> impl Future<Output = Result<Reply, Status>> + Send + 'a {
        let observer = self.on_end.take().map(|tell| {
            let observer = Box::new(EndObserver::new(tell, call.role, call.deadline));
            self.observe_requests(observer.of_requests());
            observer
        });
        let role = call.role;
        let is_shortened = std::mem::take(&mut call.is_shortened);
        let deadline = Deadline::at(call.deadline.filter(|_| is_shortened));
        PassedOn { running: self.start(call), role, deadline, observer }
    }

    pub(super) fn observe_requests(&mut self, observer: BoxObserver) {
        match &mut self.then {
            Then::Outgoing(call) => call.observe_requests(observer),
            Then::Incoming(call) => call.messages.observe(observer),
        }
    }

    fn start(mut self, call: InterceptedCall) -> PassedTo<'a> {
        if let Some(interceptor) = self.interceptors.get(self.passed) {
            self.passed += 1;
            return PassedTo::Interceptor(interceptor.start(call, self));
        }
        match self.then {
            Then::Outgoing(outgoing) => {
                outgoing.start(call);
                PassedTo::Outgoing(outgoing)
            }
            Then::Incoming(ServiceCall { service, method, messages, options }) => {
                let (metadata, extensions, deadline) = call.into_parts();
                let options = RequestParams { deadline, ..options };
                let call = IncomingCall { metadata, extensions, messages, options };
                PassedTo::Incoming(service.serve(method, call))
            }
        }
    }
}

/// A call that an interceptor has passed on. Not an `async fn`, which would copy the call on its way.
struct PassedOn<'a> {
    running: PassedTo<'a>,
    role: Role,
    /// None unless the interceptor has set it.
    deadline: Deadline,
    /// None unless the interceptor wants to know the end.
    observer: Option<Box<EndObserver>>,
}

enum PassedTo<'a> {
    Interceptor(CallFuture<'a, Reply>),
    Outgoing(&'a mut (dyn StartCall + 'a)),
    Incoming(ReplyFuture<'a>),
}

impl Drop for PassedTo<'_> {
    /// The call belongs to its caller, who may live on, so it has to be cancelled here.
    fn drop(&mut self) {
        if let Self::Outgoing(call) = self {
            call.cancel();
        }
    }
}

impl Future for PassedOn<'_> {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = match &mut this.running {
            PassedTo::Interceptor(reply) => reply.as_mut().poll(cx),
            PassedTo::Outgoing(call) => call.poll(cx),
            PassedTo::Incoming(reply) => Pin::new(reply).poll(cx),
        };
        let reply = ready!(this.deadline.limit_poll(polled, cx));
        let Some(mut observer) = this.observer.take() else { return Poll::Ready(reply) };
        Poll::Ready(match reply {
            Ok(reply) => {
                let body = match this.role {
                    Role::Client => reply.body.observed_by_reader(observer),
                    Role::Server => reply.body.observed(observer),
                };
                Ok(Reply { body, ..reply })
            }
            Err(status) => {
                observer.on_end(Err(&status));
                Err(status)
            }
        })
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remaining = self.interceptors.as_slice().get(self.passed..);
        f.debug_struct("Next").field("interceptors", &remaining).finish_non_exhaustive()
    }
}

/// The interceptors of a client or a server, the outermost one first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interceptors(Option<Arc<[SharedInterceptor]>>);

impl Interceptors {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds an interceptor, to be called after the others.
    pub(crate) fn push(&mut self, interceptor: impl Interceptor) {
        self.insert(self.as_slice().len(), interceptor);
    }

    /// Adds an interceptor at this position, to be called after those before it.
    pub(crate) fn insert(&mut self, position: usize, interceptor: impl Interceptor) {
        let (before, after) = self.as_slice().split_at(position);
        let added = [interceptor.shared()];
        self.0 = Some([before, &added, after].concat().into());
    }

    /// These interceptors, and the `inner` ones after them.
    pub(crate) fn around(&self, inner: &Self) -> Self {
        match (self.is_empty(), inner.is_empty()) {
            (_, true) => self.clone(),
            (true, _) => inner.clone(),
            _ => Self(Some([self.as_slice(), inner.as_slice()].concat().into())),
        }
    }

    /// Makes the reply to a call that a client makes.
    pub(crate) fn send<'a>(
        &self,
        call: InterceptedCall,
        outgoing: &'a mut (dyn StartCall + 'a),
    ) -> CallFuture<'a, Reply> {
        self.start(call, Next::new(self.clone(), Then::Outgoing(outgoing)))
    }

    /// Makes the reply to a call that a server has received.
    pub(crate) fn receive<'a>(
        &self,
        call: InterceptedCall,
        incoming: ServiceCall<'a>,
    ) -> CallFuture<'a, Reply> {
        self.start(call, Next::new(self.clone(), Then::Incoming(incoming)))
    }

    fn start<'a>(&self, call: InterceptedCall, mut next: Next<'a>) -> CallFuture<'a, Reply> {
        match self.get(0) {
            Some(first) => {
                next.passed = 1;
                first.start(call, next)
            }
            None => Box::pin(next.run(call)),
        }
    }

    fn get(&self, position: usize) -> Option<SharedInterceptor> {
        self.as_slice().get(position).cloned()
    }

    fn as_slice(&self) -> &[SharedInterceptor] {
        self.0.as_deref().unwrap_or_default()
    }
}
