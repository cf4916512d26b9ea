//! [`ServiceServer`]: the server of one service, for every entry point.

use std::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{codec::CompressionEncoding, server::NamedService};
use tower_service::Service;

use super::{
    dispatch::{Dispatch, ServerCall, ServiceOptions},
    http,
    registered::{ErasedDispatch, RegisteredService},
};
#[cfg(feature = "json")]
use crate::codec::json::JsonOptions;
use crate::{
    call::reply::ReplyFuture,
    intercept::{
        Interceptor,
        tonic::{TonicAdapter, TonicInterceptor},
    },
    protocol::{
        http_body::{BytesBody, HttpBody},
        http_reply::HttpReplyFuture,
    },
};

/// Serves `S`, an implementation of a generated contract.
///
/// Generated code has an alias for each service, such as `CalculatorServer<S>`. It is a tower service for
/// our [`Server`](crate::Server), tonic's, axum and hyper, and it can be called in process.
///
/// By default, it accepts messages of up to 4 MiB, sends messages of up to 2 GiB, and neither accepts nor
/// sends compressed messages.
pub struct ServiceServer<D, S: ?Sized> {
    pub(crate) served: Arc<RegisteredService>,
    dispatch: PhantomData<fn() -> D>,
    implementation: PhantomData<Arc<S>>,
}

impl<D: Dispatch<S>, S: Send + Sync + ?Sized + 'static> ServiceServer<D, S> {
    /// Serves `service`.
    pub fn new(service: S) -> Self
    where
        S: Sized,
    {
        Self::from_arc(Arc::new(service))
    }

    /// Serves a shared `service`. [`new`](Self::new) accepts an `Arc`, too, and wraps it in another one.
    pub fn from_arc(service: Arc<S>) -> Self {
        let implementation =
            Arc::new(Implementation { service, dispatch: PhantomData::<fn() -> D> });
        let served = RegisteredService::new(D::SERVICE, implementation);
        #[cfg(feature = "_descriptors")]
        let served = served.with_files(D::FILES);
        #[cfg(feature = "_comments")]
        let served = served.with_comments(D::COMMENTS);
        let served = Arc::new(served);
        Self { served, dispatch: PhantomData, implementation: PhantomData }
    }

    /// The size limit for request messages, in bytes. Larger ones fail with `ResourceExhausted`.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.options().decoding_limit = Some(limit);
        self
    }

    /// The size limit for response messages, in bytes. Larger ones fail with `ResourceExhausted`.
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.options().encoding_limit = Some(limit);
        self
    }

    /// Accepts requests compressed with `encoding`, besides encodings accepted before.
    #[must_use]
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.options().accepted.enable(encoding);
        self
    }

    /// Compresses responses with `encoding` for clients that accept it. Can be called for several
    /// encodings.
    #[must_use]
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.options().sent.enable(encoding);
        self
    }

    /// Adds an interceptor for the calls of this service, to be called after those that were added before. Those
    /// of a [`Server`](crate::Server) are called first.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        Arc::make_mut(&mut self.served).interceptors.push(interceptor);
        self
    }

    /// Serves `service` behind a tonic interceptor, such as a function from `Request<()>` to
    /// `Result<Request<()>, Status>`.
    pub fn with_interceptor(service: S, interceptor: impl TonicInterceptor) -> Self
    where
        S: Sized,
    {
        Self::new(service).intercept(TonicAdapter(interceptor))
    }

    /// How messages are written as JSON, and read from it, in calls by Connect. Needs the feature `json`.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(mut self, options: JsonOptions) -> Self {
        self.options().json = options;
        self
    }

    /// Whether to refuse requests without `te: trailers`, with `Internal`. Default: false. gRPC requires
    /// the header, by which a client says that trailers reach it, but several proxies drop it and still
    /// pass trailers on.
    ///
    /// See `TE` in [gRPC over
    /// HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
    #[must_use]
    pub fn require_te_trailers(mut self, require: bool) -> Self {
        self.options().requires_te_trailers = require;
        self
    }
}

impl<D, S: ?Sized> ServiceServer<D, S> {
    fn options(&mut self) -> &mut ServiceOptions {
        &mut Arc::make_mut(&mut self.served).options
    }
}

/// A service and how its methods are found.
struct Implementation<D, S: ?Sized> {
    service: Arc<S>,
    dispatch: PhantomData<fn() -> D>,
}

impl<D: Dispatch<S>, S: Send + Sync + ?Sized> ErasedDispatch for Implementation<D, S> {
    fn call<'a>(&self, method: usize, call: ServerCall<'a>) -> ReplyFuture<'a> {
        D::call(Arc::clone(&self.service), method, call)
    }
}

impl<D: Dispatch<S>, S: ?Sized> NamedService for ServiceServer<D, S> {
    const NAME: &'static str = D::SERVICE.name;
}

impl<D: Dispatch<S>, S: Send + Sync + ?Sized, B: BytesBody> Service<::http::Request<B>>
    for ServiceServer<D, S>
{
    type Response = ::http::Response<HttpBody>;
    type Error = Infallible;
    type Future = HttpReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<B>) -> HttpReplyFuture {
        http::serve(&self.served, request.map(HttpBody::new))
    }
}

impl<D, S: ?Sized> Clone for ServiceServer<D, S> {
    fn clone(&self) -> Self {
        Self { served: Arc::clone(&self.served), ..*self }
    }
}

impl<D, S: ?Sized> fmt::Debug for ServiceServer<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceServer")
            .field("service", &self.served.descriptor.name)
            .field("options", &self.served.options)
            .finish_non_exhaustive()
    }
}

/// What [`Server::add_service`](crate::Server::add_service) takes: a generated server, such as
/// `CalculatorServer`. The trait is sealed.
#[cfg(all(feature = "server", not(target_family = "wasm")))]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a generated server",
    label = "not a generated server",
    note = "an implementation is served by what is generated for its contract: \
            `.add_service(CalculatorServer::new(implementation))`",
    note = "other tower services, such as tonic's, are added with `.add_tower_service(service)`"
)]
pub trait GeneratedServer: sealed::IntoServed {}

#[cfg(all(feature = "server", not(target_family = "wasm")))]
impl<D: Dispatch<S>, S: Send + Sync + ?Sized + 'static> GeneratedServer for ServiceServer<D, S> {}

/// Keeps the trait from being implemented elsewhere, so that it can grow.
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod sealed {
    use std::sync::Arc;

    use crate::server::{registered::RegisteredService, service::ServiceServer};

    pub trait IntoServed {
        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn into_served(self) -> Arc<RegisteredService>;
    }

    impl<D, S: ?Sized> IntoServed for ServiceServer<D, S> {
        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn into_served(self) -> Arc<RegisteredService> {
            self.served
        }
    }
}

#[cfg(all(test, feature = "_comments"))]
mod tests {
    use std::sync::Arc;

    use super::ServiceServer;
    use crate::{
        call::{method::ServiceDescriptor, reply::ReplyFuture},
        server::dispatch::{Dispatch, ServerCall},
    };

    #[derive(Debug)]
    enum Explained {}

    impl Dispatch<()> for Explained {
        const SERVICE: &'static ServiceDescriptor = &ServiceDescriptor {
            name: "shop.Shop",
            methods: &[],
            file_descriptor_set: None,
            options: &[],
        };
        const COMMENTS: &'static [(&'static str, &'static str)] = &[("shop.Shop", "Sells things.")];

        fn call(_: Arc<()>, _: usize, call: ServerCall<'_>) -> ReplyFuture<'_> {
            call.unimplemented()
        }
    }

    #[test]
    fn a_service_is_registered_with_its_comments() {
        let server = ServiceServer::<Explained, ()>::new(());
        assert_eq!(server.served.comments, [("shop.Shop", "Sells things.")]);
    }
}
