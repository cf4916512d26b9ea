//! What a generated mock holds: the engine, with the types of its methods around it.

use std::{
    fmt,
    panic::Location,
    path::Path,
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::task;
use tonic::{Request, Response, Status};

use super::{
    BidiStreaming, Call, Carried, ClientStreaming, Expectation, Kind, Message, Method,
    ServerStreaming, Tape, TapeError, Unary,
    core::{Core, Real},
    plan::Place,
    tape,
};
use crate::{ServiceDescriptor, ServiceServer, Streaming, server::Dispatch};

/// The engine of a mock, as generated mocks hold it.
///
/// Clones are handles to the same mock. The first one gives the verdict when it is dropped.
pub struct Mock {
    core: Arc<Core>,
    /// Where the first handle was made.
    home: Option<Home>,
}

impl Mock {
    /// A mock called `name` of `service`.
    #[track_caller]
    pub fn new(name: &'static str, service: &'static ServiceDescriptor) -> Self {
        Self::root(Core::new(name, service, None, Location::caller()))
    }

    /// A mock that forwards to `real` what nothing else takes.
    #[track_caller]
    pub fn spy<D, S>(name: &'static str, methods: &[Method], real: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + 'static,
    {
        let forward = methods.iter().map(|method| method.forward).collect();
        let real = Real { server: Arc::new(real), forward };
        Self::root(Core::new(name, D::SERVICE, Some(real), Location::caller()))
    }

    /// A mock that expects the calls on the tape at `path`.
    ///
    /// # Errors
    /// When the tape cannot be read, or is not one of `service`.
    #[track_caller]
    pub fn replay(
        name: &'static str,
        service: &'static ServiceDescriptor,
        methods: &[Method],
        path: impl AsRef<Path>,
    ) -> Result<Self, TapeError> {
        let plans = tape::plans(path.as_ref(), service, methods)?;
        let core = Core::new(name, service, None, Location::caller());
        for (method, plan) in plans {
            core.publish(method, &plan);
        }
        Ok(Self::root(core))
    }

    fn root(core: Arc<Core>) -> Self {
        Self { core, home: Some(Home::here()) }
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
    pub fn calls<Req: Message>(&self, method: usize) -> Vec<Call<Req>> {
        self.core.calls(method).iter().map(super::record::Record::call).collect()
    }

    /// Writes calls to the tape at `path`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn record(&self, path: impl AsRef<Path>) -> Result<Tape, TapeError> {
        let (tape, recorder) = Tape::create(path.as_ref())?;
        self.core.record(recorder);
        Ok(tape)
    }

    /// Panics with what is wrong so far; forgets the expectations.
    #[track_caller]
    pub fn checkpoint(&self) {
        if let Some(verdict) = self.core.checkpoint() {
            panic!("{verdict}");
        }
    }

    /// Panics with what is wrong.
    #[track_caller]
    pub fn verify(&self) {
        if let Some(verdict) = self.core.last_verdict() {
            panic!("{verdict}");
        }
    }

    /// Panics with what is wrong when nothing changes it any more, or `limit` has passed.
    pub async fn verify_within(&self, limit: Duration) {
        self.core.settle(limit).await;
        self.verify();
    }

    /// Answers a call with one request and one response.
    pub async fn unary<Req: Message, Res: Message>(
        &self,
        method: usize,
        request: Request<Req>,
    ) -> Result<Response<Res>, Status> {
        self.call::<Unary<Req, Res>>(method, request).await
    }

    /// Answers a call with a stream of requests and one response.
    pub async fn client_streaming<Req: Message, Res: Message>(
        &self,
        method: usize,
        requests: Request<Streaming<Req>>,
    ) -> Result<Response<Res>, Status> {
        self.call::<ClientStreaming<Req, Res>>(method, requests).await
    }

    /// Answers a call with one request and a stream of responses.
    pub async fn server_streaming<Req: Message, Res: Message>(
        &self,
        method: usize,
        request: Request<Req>,
    ) -> Result<Response<Streaming<Res>>, Status> {
        self.call::<ServerStreaming<Req, Res>>(method, request).await
    }

    /// Answers a call with a stream each way.
    pub async fn bidi_streaming<Req: Message, Res: Message>(
        &self,
        method: usize,
        requests: Request<Streaming<Req>>,
    ) -> Result<Response<Streaming<Res>>, Status> {
        self.call::<BidiStreaming<Req, Res>>(method, requests).await
    }

    async fn call<K: Kind>(
        &self,
        method: usize,
        request: Request<K::Requests>,
    ) -> Result<Response<K::Responses>, Status> {
        let response = self.core.call(method, request.map(K::Requests::erase)).await?;
        let (metadata, content, extensions) = response.into_parts();
        Ok(Response::from_parts(metadata, K::Responses::restore(content)?, extensions))
    }
}

impl Clone for Mock {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), home: None }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.core.name).finish_non_exhaustive()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let Some(home) = &self.home else { return };
        let Some(verdict) = self.core.last_verdict() else { return };
        if thread::panicking() {
            eprintln!("besides, {verdict}");
        } else if *home == Home::here() {
            panic!("{verdict}");
        } else {
            unheard(&verdict);
        }
    }
}

/// Who would hear a panic: a task, or a thread.
#[derive(PartialEq)]
enum Home {
    Task(task::Id),
    Thread(ThreadId),
}

impl Home {
    fn here() -> Self {
        task::try_id().map_or_else(|| Self::Thread(thread::current().id()), Self::Task)
    }
}

/// Stops the process: where the mock was dropped, a panic could pass without anybody hearing it,
/// and a test that should fail would pass.
fn unheard(verdict: &str) -> ! {
    eprintln!(
        "{verdict}\nThe mock was moved away from the test and dropped elsewhere, where a panic \
         may be lost. Keep it in the test, and hand out a clone, `client()` or `server()`."
    );
    std::process::abort()
}
