//! Routes requests to services by path.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Waker},
};

use http::{Request, Response};
use tonic::server::NamedService;
use tower_service::Service;

use super::error::ServeError;
use crate::{
    call::{downcast, panics::contain, status},
    h2::server::service::{HttpService, ServiceFuture},
    protocol::{
        http_body::{HttpBody, RequestBody},
        responses::{HttpReplyFuture, failure, no_service},
    },
};

/// The services of a server, by name.
#[derive(Clone, Default)]
pub(super) struct Routes {
    services: BTreeMap<&'static str, Arc<dyn ErasedService>>,
    /// The name of a service that was added twice.
    duplicate: Option<&'static str>,
    fallback: Option<Arc<dyn ErasedService>>,
}

impl Routes {
    pub(super) fn add<S, B>(&mut self, service: S)
    where
        S: Service<Request<HttpBody>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: RequestBody,
    {
        if self.services.insert(S::NAME, Arc::new(TowerService(service))).is_some() {
            self.duplicate = Some(S::NAME);
        }
    }

    /// Fails if two services have the same name.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        match self.duplicate {
            Some(service) => Err(ServeError::DuplicateService { service }),
            None => Ok(()),
        }
    }

    pub(super) fn set_fallback<S, B>(&mut self, service: S)
    where
        S: Service<Request<HttpBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: RequestBody,
    {
        self.fallback = Some(Arc::new(TowerService(service)));
    }
}

impl HttpService for Routes {
    /// Calls the service that the path of `request` names.
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let named = service.and_then(|(name, _)| self.services.get(name));
        match named.or(self.fallback.as_ref()) {
            // Layers and interceptors may do all of their work in `call`, and panic.
            Some(route) => contain(|| route.call(request)).unwrap_or_else(|_| {
                ServiceFuture::Refused(Some(Box::new(failure(&status::panicked()))))
            }),
            None => ServiceFuture::Refused(Some(no_service(&request))),
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.keys()).finish()
    }
}

/// A service, type-erased.
trait ErasedService: Send + Sync {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture;
}

struct TowerService<S>(S);

impl<S, B> ErasedService for TowerService<S>
where
    S: Service<Request<HttpBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: RequestBody,
{
    fn call(&self, mut request: Request<HttpBody>) -> ServiceFuture {
        // Our own services read the body at once, or track it themselves. Others may keep it unread.
        if !downcast::is::<S::Future, HttpReplyFuture>() {
            request.body_mut().track();
        }
        let mut service = self.0.clone();
        let cx = &mut Context::from_waker(Waker::noop());
        if service.poll_ready(cx).is_ready() {
            return service_future(service.call(request));
        }
        ServiceFuture::Other(Box::pin(async move {
            let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
            let Ok(response) = service.call(request).await;
            response.map(HttpBody::new)
        }))
    }
}

/// Wraps `future`, which is boxed unless it is our own.
fn service_future<F, B>(future: F) -> ServiceFuture
where
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: RequestBody,
{
    let mut future = Some(future);
    if let Some(ours) = downcast::take(&mut future) {
        return ServiceFuture::Ours(ours);
    }
    ServiceFuture::Other(Box::pin(async move {
        match future {
            Some(future) => {
                let Ok(response) = future.await;
                response.map(HttpBody::new)
            }
            None => failure(&status::panicked()),
        }
    }))
}
