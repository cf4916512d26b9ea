//! An interceptor that some calls bypass.

use std::fmt;

use tonic::Status;

use super::{
    call::InterceptedCall,
    interceptor::{Interceptor, Next},
};
use crate::call::reply::Reply;

/// An interceptor that some calls bypass.
///
/// ```
/// # use rust_scaffold::{BearerAuth, BearerToken, Code, Status};
/// use rust_scaffold::{Except, Server};
///
/// # let auth = BearerAuth::new(|_: BearerToken| async { Ok::<_, Status>(()) });
/// // Probes have no token.
/// let server = Server::new()
///     .intercept(Except::new(auth, |call| call.path().starts_with("/grpc.health.v1.Health/")));
/// ```
///
/// What the interceptor would have put into the request's extensions is not there for calls that bypass it, unless
/// a client in the same process has put it there.
#[derive(Clone)]
pub struct Except<I, P> {
    interceptor: I,
    bypasses: P,
}

impl<I: Interceptor, P> Except<I, P>
where
    P: Fn(&InterceptedCall) -> bool + Send + Sync + 'static,
{
    /// Runs `interceptor` around calls of which `bypasses` is false.
    pub fn new(interceptor: I, bypasses: P) -> Self {
        Self { interceptor, bypasses }
    }
}

impl<I: Interceptor, P> Interceptor for Except<I, P>
where
    P: Fn(&InterceptedCall) -> bool + Send + Sync + 'static,
{
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        match (self.bypasses)(&call) {
            true => next.run(call).await,
            false => self.interceptor.intercept(call, next).await,
        }
    }
}

impl<I: fmt::Debug, P> fmt::Debug for Except<I, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Except").field("interceptor", &self.interceptor).finish_non_exhaustive()
    }
}
