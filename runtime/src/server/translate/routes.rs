//! Protocols that are translated to gRPC in front of everything: a request becomes one of gRPC, and its response one of
//! its own protocol again. What is behind that, layers, limits, observers, interceptors and services, those of other
//! libraries as well, sees gRPC.

use std::sync::Arc;

use http::{Request, Response};

use super::ServeGrpc;
#[cfg(feature = "rest")]
use crate::server::rest::RestRoutes;
use crate::{
    connection::{
        connect_info::ConnectInfo,
        http_service::{HttpService, ServiceFuture},
    },
    protocol::{Protocol, http_body::HttpBody},
    server::connect::ConnectServices,
};

/// Routes that speak other protocols beside gRPC.
pub(crate) struct TranslatedRoutes {
    pub(crate) inner: Arc<dyn HttpService>,
    pub(crate) connect: ConnectServices,
    #[cfg(feature = "rest")]
    pub(crate) rest: RestRoutes,
}

/// Whether a request is gRPC, or gRPC-Web. Most are, and pay for no more than this.
#[inline]
fn is_grpc(request: &Request<HttpBody>) -> bool {
    Protocol::of_call(request.headers()).is_some()
}

impl TranslatedRoutes {
    #[cold]
    fn translate(&self, request: Request<HttpBody>, serve: ServeGrpc<'_>) -> ServiceFuture {
        if let Some(target) = self.connect.target(&request) {
            return target.serve(request, serve);
        }
        #[cfg(feature = "rest")]
        if let Some(target) = self.rest.target(&request) {
            return target.serve(request, serve);
        }
        serve(request, None)
    }
}

impl HttpService for TranslatedRoutes {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        if is_grpc(&request) {
            return self.inner.call(request);
        }
        self.translate(request, &|request, refusal| match refusal {
            None => self.inner.call(request),
            Some(refusal) => self.inner.refuse(request, refusal, None),
        })
    }

    #[cfg(feature = "_observed")]
    fn call_from(&self, request: Request<HttpBody>, info: Option<&ConnectInfo>) -> ServiceFuture {
        if is_grpc(&request) {
            return self.inner.call_from(request, info);
        }
        self.translate(request, &|request, refusal| match refusal {
            None => self.inner.call_from(request, info),
            Some(refusal) => self.inner.refuse(request, refusal, info),
        })
    }

    fn refuse(
        &self,
        request: Request<HttpBody>,
        refusal: Box<Response<HttpBody>>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.inner.refuse(request, refusal, info)
    }

    fn wants_info(&self) -> bool {
        self.inner.wants_info()
    }
}
