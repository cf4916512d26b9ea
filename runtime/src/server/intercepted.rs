//! Interceptors around a service that another library has generated.

use std::{future::poll_fn, sync::Arc};

use http::{Request, Response};
use tokio::time::Instant;

#[cfg(feature = "web")]
use crate::protocol::http_reply::unsupported_media_type;
use crate::{
    call::{deadline, reply::CallFuture},
    connection::http_service::{HttpService, ServiceFuture},
    intercept::{
        Role,
        http::{SendHttp, intercept_http},
        interceptor::Interceptors,
    },
    protocol::{Protocol, headers::GrpcHeaders, http_body::HttpBody},
};

/// A service behind the interceptors of its server.
pub(super) struct InterceptedService {
    pub(super) service: Arc<dyn HttpService>,
    pub(super) interceptors: Interceptors,
}

impl HttpService for InterceptedService {
    /// Refuses what is not gRPC: the service might take it for a call, which no interceptor has seen.
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        let grpc = GrpcHeaders::parse(request.headers());
        match Protocol::of_request(request.method(), &grpc) {
            Ok(Protocol::Grpc) => {}
            #[cfg(feature = "web")]
            Ok(Protocol::GrpcWeb | Protocol::GrpcWebText) => {
                return ServiceFuture::Refused(Some(unsupported_media_type()));
            }
            Err(refusal) => return ServiceFuture::Refused(Some(refusal)),
        }
        let deadline = match deadline::of_headers(request.headers()) {
            Ok(deadline) => deadline,
            Err(status) => {
                return ServiceFuture::Refused(Some(Box::new(
                    Protocol::Grpc.trailers_only(&status),
                )));
            }
        };
        let (interceptors, service) = (self.interceptors.clone(), Inner(Arc::clone(&self.service)));
        ServiceFuture::Other(
            Some(Protocol::Grpc),
            Box::pin(async move {
                let response =
                    intercept_http(Role::Server, &interceptors, (request, deadline), &service)
                        .await;
                response.unwrap_or_else(|status| Protocol::Grpc.trailers_only(&status))
            }),
        )
    }
}

struct Inner(Arc<dyn HttpService>);

impl SendHttp for Inner {
    fn send_http(
        &self,
        request: Request<HttpBody>,
        _deadline: Option<Instant>,
    ) -> CallFuture<'static, Response<HttpBody>> {
        let mut response = self.0.call(request);
        Box::pin(async move { Ok(poll_fn(|cx| response.poll(cx)).await) })
    }
}
