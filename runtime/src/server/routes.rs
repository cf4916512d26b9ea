//! [`Routes`]: the services of a server as one, which routes requests to them by path.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use tonic::{Status, server::NamedService};
use tower_service::Service;

#[cfg(feature = "web")]
use super::connect::ConnectServices;
#[cfg(feature = "rest")]
use super::rest::{OpenApi, RestRoutes};
use super::{
    error::ServeError,
    http::serve,
    intercepted::InterceptedService,
    limits::{LimitOptions, LimitedService},
    observer::ServiceEntry,
    pages::Pages,
    registered::RegisteredService,
};
#[cfg(feature = "tracing")]
use crate::call::method::MethodDescriptor;
use crate::{
    call::{
        downcast,
        panics::catch_panic,
        status::{self, BoxError},
    },
    connection::http_service::{HttpService, ServiceFuture},
    intercept::interceptor::Interceptors,
    protocol::{
        Protocol,
        http_body::{BytesBody, HttpBody},
        http_reply::{HttpReplyFuture, failed, no_service},
    },
};

/// The services of a [`Server`](crate::Server), with its fallback and its layers, as one tower service: what
/// its layers wrap, and what [`Server::into_service`](crate::Server::into_service) returns. Clones share the
/// services.
#[derive(Clone)]
pub struct Routes(Arc<dyn HttpService>);

impl Routes {
    pub(super) fn new(services: Arc<dyn HttpService>) -> Self {
        Self(services)
    }

    /// What a layer has made of routes.
    pub(super) fn layered<S, B>(service: S) -> Self
    where
        S: Service<Request<HttpBody>, Response = Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: BytesBody,
    {
        Self(Arc::new(Layered(TowerService(service))))
    }

    /// Routes that are those of `service`.
    #[cfg(feature = "_observed")]
    pub(super) fn from_http_service(service: impl HttpService + 'static) -> Self {
        Self(Arc::new(service))
    }

    pub(super) fn into_http_service(self) -> Arc<dyn HttpService> {
        self.0
    }
}

impl<B: BytesBody> Service<Request<B>> for Routes {
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = RoutesFuture;

    /// Always ready: each call waits for its own service.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RoutesFuture {
        RoutesFuture(self.0.call(request.map(HttpBody::new)))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}

/// A future of the response of [`Routes`].
pub struct RoutesFuture(ServiceFuture);

impl Future for RoutesFuture {
    type Output = Result<Response<HttpBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map(Ok)
    }
}

impl fmt::Debug for RoutesFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutesFuture").finish_non_exhaustive()
    }
}

/// Which methods a server has.
#[cfg(feature = "_observed")]
#[derive(Clone)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "nobody asks for them"))]
pub(super) struct RoutedMethods(RouteTable);

/// Where the path of a request leads.
#[cfg(feature = "tracing")]
pub(super) enum RoutedMethod {
    Known(&'static MethodDescriptor),
    /// To a service of another library, which may or may not have the method.
    Foreign,
    /// To none of the services.
    Unknown,
}

#[cfg(feature = "_observed")]
impl RoutedMethods {
    #[cfg(feature = "tracing")]
    pub(super) fn find(&self, path: &str) -> RoutedMethod {
        match self.0.route(path) {
            Some(ServiceRoute::Generated(service)) => {
                let position = service.position(path);
                let method = position.and_then(|position| service.descriptor.methods.get(position));
                method.map_or(RoutedMethod::Unknown, RoutedMethod::Known)
            }
            Some(ServiceRoute::Tower(_)) => RoutedMethod::Foreign,
            None => RoutedMethod::Unknown,
        }
    }
}

/// A service of a server.
#[derive(Clone)]
enum ServiceRoute {
    Generated(Arc<RegisteredService>),
    Tower(Arc<dyn HttpService>),
}

impl ServiceRoute {
    fn intercept(&mut self, interceptors: &Interceptors) {
        match self {
            Self::Generated(service) => {
                let service = Arc::make_mut(service);
                service.interceptors = interceptors.around(&service.interceptors);
            }
            Self::Tower(service) => {
                let (service, interceptors) = (Arc::clone(service), interceptors.clone());
                *self = Self::Tower(Arc::new(InterceptedService { service, interceptors }));
            }
        }
    }
}

/// The services of a server, by name.
#[derive(Clone, Default)]
pub(super) struct RouteTable {
    services: BTreeMap<&'static str, ServiceRoute>,
    /// The name of a service that was added twice.
    duplicate: Option<&'static str>,
    pages: Vec<Pages>,
    fallback: Option<Arc<dyn HttpService>>,
}

impl RouteTable {
    pub(super) fn add(&mut self, service: Arc<RegisteredService>) {
        self.insert(service.descriptor.name, ServiceRoute::Generated(service));
    }

    pub(super) fn add_tower<S, B>(&mut self, service: S)
    where
        S: Service<Request<HttpBody>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: BytesBody,
    {
        self.insert(S::NAME, ServiceRoute::Tower(Arc::new(TowerService(service))));
    }

    fn insert(&mut self, name: &'static str, route: ServiceRoute) {
        if self.services.insert(name, route).is_some() {
            self.duplicate = Some(name);
        }
    }

    /// The service of this name, or nothing.
    #[cfg(any(feature = "admin", feature = "health"))]
    pub(super) fn only(&self, name: &'static str) -> Self {
        let service = self.services.get(name).map(|route| (name, route.clone()));
        Self { services: service.into_iter().collect(), ..Self::default() }
    }

    #[cfg(any(feature = "admin", feature = "health"))]
    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The methods, as long as no others are added.
    #[cfg(feature = "_observed")]
    pub(super) fn methods(&self) -> RoutedMethods {
        RoutedMethods(self.clone())
    }

    /// The service that `path` names.
    fn route(&self, path: &str) -> Option<&ServiceRoute> {
        let (name, _method) = path.strip_prefix('/')?.split_once('/')?;
        self.services.get(name)
    }

    /// The services, in the order of their names.
    pub(super) fn entries(&self) -> Vec<ServiceEntry> {
        let entry = |(name, _route): (&&'static str, &ServiceRoute)| ServiceEntry {
            name,
            #[cfg(any(feature = "explorer", feature = "reflection"))]
            files: match _route {
                ServiceRoute::Generated(service) => service.files,
                ServiceRoute::Tower(_) => &[],
            },
            #[cfg(feature = "explorer")]
            comments: match _route {
                ServiceRoute::Generated(service) => service.comments,
                ServiceRoute::Tower(_) => &[],
            },
        };
        self.services.iter().map(entry).collect()
    }

    /// The services, whose calls can be limited.
    pub(super) fn limited(&self) -> Vec<LimitedService> {
        let limited = |(name, route): (&&'static str, &ServiceRoute)| LimitedService {
            name,
            methods: match route {
                ServiceRoute::Generated(service) => Some(service.descriptor.methods),
                ServiceRoute::Tower(_) => None,
            },
        };
        self.services.iter().map(limited).collect()
    }

    /// The services, which are called by Connect as well.
    #[cfg(feature = "web")]
    pub(super) fn connect_services(&self) -> ConnectServices {
        let mut services = ConnectServices::default();
        for (name, route) in &self.services {
            match route {
                ServiceRoute::Generated(service) => services.add_generated(service),
                ServiceRoute::Tower(_) => services.add_foreign(name),
            }
        }
        services
    }

    /// The routes to methods by REST. A page of this table describes them, if there is an `api` to describe.
    ///
    /// # Errors
    /// A rule is broken, or leads where another one does, or there is a page already where this one would be.
    #[cfg(feature = "rest")]
    pub(super) fn rest_routes(&mut self, api: Option<&OpenApi>) -> Result<RestRoutes, ServeError> {
        let rest = RestRoutes::new(self.services.values().filter_map(|route| match route {
            ServiceRoute::Generated(service) => Some(service),
            ServiceRoute::Tower(_) => None,
        }))?;
        if let Some(api) = api {
            let page = rest.described_by(api)?;
            if self.pages.iter().any(|other| other.path == page.path) {
                let reason = "is at the path of another page: `OpenApi::path` sets its own".into();
                return Err(ServeError::InvalidOption { option: "openapi", reason });
            }
            self.add_pages(page);
        }
        let rest = rest.beside(&self.pages, self.fallback.is_some());
        if self.fallback.is_none() {
            self.fallback = rest.unknown_paths();
        }
        Ok(rest)
    }

    /// Limits the messages of all services.
    pub(super) fn limit_messages(&mut self, limits: &LimitOptions) {
        if !limits.limit_messages() {
            return;
        }
        for (name, route) in &mut self.services {
            if let ServiceRoute::Generated(service) = route {
                let options_of = |path, options| limits.of_messages(name, path, options);
                Arc::make_mut(service).set_method_options(options_of);
            }
        }
    }

    /// Puts `interceptors` around all services, but not around the fallback.
    pub(super) fn intercept(&mut self, interceptors: &Interceptors) {
        if !interceptors.is_empty() {
            self.services.values_mut().for_each(|route| route.intercept(interceptors));
        }
    }

    /// Fails if two services have the same name.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        match self.duplicate {
            Some(service) => Err(ServeError::DuplicateService { service }),
            None => Ok(()),
        }
    }

    /// Has `pages` answer requests for unknown services, before the fallback.
    pub(super) fn add_pages(&mut self, pages: Pages) {
        self.pages.push(pages);
    }

    /// What answers a request for no service.
    fn without_service(&self, path: &str) -> Option<&Arc<dyn HttpService>> {
        let pages = self.pages.iter().find(|pages| pages.are_at(path));
        pages.map(|pages| &pages.service).or(self.fallback.as_ref())
    }

    pub(super) fn set_fallback<S, B>(&mut self, service: S)
    where
        S: Service<Request<HttpBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: BytesBody,
    {
        self.fallback = Some(Arc::new(TowerService(service)));
    }
}

impl HttpService for RouteTable {
    /// Calls the service that the path of `request` names.
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        let path = request.uri().path();
        match self.route(path) {
            Some(ServiceRoute::Generated(service)) => ServiceFuture::Ours(serve(service, request)),
            Some(ServiceRoute::Tower(service)) => call_contained(&**service, request),
            None => match self.without_service(path) {
                Some(service) => call_contained(&**service, request),
                None => ServiceFuture::Refused(Some(no_service(&request))),
            },
        }
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.keys()).finish()
    }
}

/// What a layer has made of a server's services.
struct Layered<S>(TowerService<S>);

impl<S> HttpService for Layered<S>
where
    TowerService<S>: HttpService,
{
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        call_contained(&self.0, request)
    }
}

/// Calls `service`. A panic in it fails this call only.
fn call_contained(service: &dyn HttpService, request: Request<HttpBody>) -> ServiceFuture {
    let protocol = Protocol::of_call(request.headers());
    // Layers and interceptors may do all of their work in `call`, and panic.
    catch_panic(|| service.call(request)).unwrap_or_else(|_| refused(protocol, &status::panicked()))
}

struct TowerService<S>(S);

impl<S, B> HttpService for TowerService<S>
where
    S: Service<Request<HttpBody>, Response = Response<B>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: BytesBody,
{
    fn call(&self, mut request: Request<HttpBody>) -> ServiceFuture {
        // Our own services read the body at once, or track it themselves. Others may keep it unread.
        if !downcast::is::<S::Future, HttpReplyFuture>() {
            request.body_mut().track();
        }
        let protocol = Protocol::of_call(request.headers());
        let mut service = self.0.clone();
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => service_future(protocol, service.call(request)),
            Poll::Ready(Err(error)) => refused(protocol, &Status::from_error(error.into())),
            Poll::Pending => ServiceFuture::Other(
                protocol,
                Box::pin(async move {
                    // Converted at once: the error of a service need not be `Send`.
                    let ready = |cx: &mut Context<'_>| {
                        service.poll_ready(cx).map_err(Into::<BoxError>::into)
                    };
                    match poll_fn(ready).await {
                        Ok(()) => response(protocol, service.call(request).await),
                        Err(error) => failed(protocol, &Status::from_error(error)),
                    }
                }),
            ),
        }
    }
}

/// Wraps `future`, which is boxed unless it is our own.
fn service_future<F, B, E>(protocol: Option<Protocol>, future: F) -> ServiceFuture
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: BytesBody,
    E: Into<BoxError>,
{
    let mut future = Some(future);
    if let Some(ours) = downcast::take(&mut future) {
        return ServiceFuture::Ours(ours);
    }
    if let Some(RoutesFuture(inner)) = downcast::take(&mut future) {
        return inner;
    }
    ServiceFuture::Other(
        protocol,
        Box::pin(async move {
            match future {
                Some(future) => response(protocol, future.await),
                None => failed(protocol, &status::panicked()),
            }
        }),
    )
}

/// The response to a call that a service has ended with `result`.
fn response<B: BytesBody, E: Into<BoxError>>(
    protocol: Option<Protocol>,
    result: Result<Response<B>, E>,
) -> Response<HttpBody> {
    match result {
        Ok(response) => response.map(HttpBody::new),
        Err(error) => failed(protocol, &Status::from_error(error.into())),
    }
}

fn refused(protocol: Option<Protocol>, status: &Status) -> ServiceFuture {
    ServiceFuture::Refused(Some(Box::new(failed(protocol, status))))
}
