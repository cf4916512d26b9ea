//! What a generated mock holds: the engine, with the types of its methods around it.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tonic::{Request, Response, Status};

use super::{
    answer::Started,
    core::{Core, SpyTarget},
    expectation::Expectation,
    kind::{Carried, Kind},
    message::{Content, Message},
    mocked::Mocked,
    place::Place,
    plan::PlannedResponse,
    record::{self, Record},
    tape::{self, Tape, TapeError},
    verdict::Asked,
};
use crate::server::{dispatch::Dispatch, service::ServiceServer};

/// The engine of a mock, as generated mocks hold it.
///
/// Clones are handles to the same mock. The first one gives the verdict when it is dropped.
pub struct Mock {
    core: Arc<Core>,
    /// Whether this is the first handle.
    gives_verdict: bool,
}

impl Mock {
    /// The mock `M`.
    #[track_caller]
    pub fn new<M: Mocked>() -> Self {
        Self::root(Core::new(M::NAME, M::SERVICE, None, Location::caller()))
    }

    /// The mock `M`, which forwards to `real` what nothing else takes.
    #[track_caller]
    pub fn spy<M, D, S>(real: ServiceServer<D, S>) -> Self
    where
        M: Mocked,
        D: Dispatch<S>,
        S: Send + Sync + ?Sized + 'static,
    {
        let target = SpyTarget { server: Arc::new(real.served), methods: M::METHODS };
        Self::root(Core::new(M::NAME, M::SERVICE, Some(target), Location::caller()))
    }

    /// The mock `M`, which expects the calls on the tape at `path`.
    ///
    /// # Errors
    /// When the tape cannot be read, has no call on it, or is one of another service.
    #[track_caller]
    pub fn replay<M: Mocked>(path: impl AsRef<Path>) -> Result<Self, TapeError> {
        let plans = tape::plans(path.as_ref(), M::SERVICE, M::METHODS)?;
        let core = Core::new(M::NAME, M::SERVICE, None, Location::caller());
        for (method, plan) in plans {
            core.add_plan(method, plan);
        }
        Ok(Self::root(core))
    }

    fn root(core: Arc<Core>) -> Self {
        Self { core, gives_verdict: true }
    }

    /// Expects calls of the method at this position in the service.
    #[track_caller]
    pub fn expect<K: Kind>(&self, method: usize) -> Expectation<K> {
        Expectation::new(&self.core, method, Place::Code(Location::caller()), true)
    }

    /// Answers calls of the method at this position in the service.
    #[track_caller]
    pub fn stub<K: Kind>(&self, method: usize) -> Expectation<K> {
        Expectation::new(&self.core, method, Place::Code(Location::caller()), false)
    }

    /// The calls of the method at this position in the service.
    pub fn calls<Req: Message>(&self, method: usize) -> Vec<record::Call<Req>> {
        self.core.calls(method).iter().map(Record::call).collect()
    }

    /// Writes calls to the tape at `path`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn record<M: Mocked>(&self, path: impl AsRef<Path>) -> Result<Tape, TapeError> {
        let (tape, recorder) = Tape::create(path.as_ref(), M::METHODS)?;
        self.core.record(recorder);
        Ok(tape)
    }

    /// Panics with what is wrong so far; if nothing is, forgets the expectations.
    #[track_caller]
    pub fn checkpoint(&self) {
        self.core.checkpoint();
    }

    /// Panics with what is wrong so far, also if that was said before.
    #[track_caller]
    pub fn verify(&self) {
        self.core.verify();
    }

    /// Panics with what is wrong when nothing changes it any more, or `limit` has passed.
    #[track_caller]
    pub fn verify_within(&self, limit: Duration) -> impl Future<Output = ()> + Send {
        self.core.verify_within(limit, Asked::here("verify_within"))
    }

    /// Panics with what is wrong after `time`, in which no call may come.
    #[track_caller]
    pub fn quiet_for(&self, time: Duration) -> impl Future<Output = ()> + Send {
        self.core.quiet_for(time, Asked::here("quiet_for"))
    }

    /// Answers a call of the method at this position in the service, as the contract's method
    /// would.
    pub fn answer<In: Carried, Out: Carried>(
        &self,
        method: usize,
        request: Request<In>,
    ) -> Answering<'_, Out> {
        Answering { call: self.begin(method, request.map(In::erase)), response: PhantomData }
    }

    fn begin(&self, method: usize, request: Request<Content>) -> LazyCall<'_> {
        LazyCall::Waiting(&self.core, method, Some(request))
    }

    pub(crate) async fn erased(
        &self,
        method: usize,
        request: Request<Content>,
    ) -> Result<Response<Content>, Status> {
        match self.core.call(method, request) {
            Started::Answered(response) => response?.content(),
            Started::Going(response) => response.await,
        }
    }

    pub(crate) fn streams_requests(&self, method: usize) -> bool {
        self.core.service.methods[method].kind.streams_requests()
    }
}

/// Waits for the answer of a mock. The call begins when it is waited for.
pub struct Answering<'a, Out> {
    call: LazyCall<'a>,
    response: PhantomData<fn() -> Out>,
}

/// What an [`Answering`] needs of a mock. By its own type, the compiler would look through all of the mock's
/// state for each method, in every crate with mocks, to find out that the future is `Send`.
trait Engine: Send + Sync {
    /// Begins to answer a call of `method`.
    fn begin(&self, method: usize, request: Request<Content>) -> Started<'_>;
}

impl Engine for Arc<Core> {
    fn begin(&self, method: usize, request: Request<Content>) -> Started<'_> {
        self.call(method, request)
    }
}

/// An [`Answering`], whatever the messages are.
#[allow(clippy::large_enum_variant, reason = "most calls never go on, and need no allocation")]
enum LazyCall<'a> {
    Waiting(&'a dyn Engine, usize, Option<Request<Content>>),
    Going(Pin<Box<dyn Future<Output = Result<Response<Content>, Status>> + Send + 'a>>),
}

impl<Out: Carried> Future for Answering<'_, Out> {
    type Output = Result<Response<Out>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.call.poll(cx))?.response())
    }
}

impl LazyCall<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<PlannedResponse, Status>> {
        loop {
            match self {
                Self::Going(response) => {
                    return response.as_mut().poll(cx).map_ok(PlannedResponse::Made);
                }
                Self::Waiting(engine, method, request) => {
                    let Some(request) = request.take() else { return Poll::Pending };
                    match engine.begin(*method, request) {
                        Started::Answered(response) => {
                            return Poll::Ready(response.map(PlannedResponse::Shared));
                        }
                        Started::Going(response) => *self = Self::Going(response),
                    }
                }
            }
        }
    }
}

impl<Out> fmt::Debug for Answering<'_, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_begun = matches!(self.call, LazyCall::Going(_));
        f.debug_struct("Answering").field("begun", &has_begun).finish_non_exhaustive()
    }
}

impl Clone for Mock {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), gives_verdict: false }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.core.name).finish_non_exhaustive()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if self.gives_verdict {
            self.core.conclude();
        }
    }
}
