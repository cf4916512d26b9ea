//! Connect, for all services of a server: a request becomes one of gRPC, and its response one of Connect again. What is
//! behind it, layers, limits, observers, interceptors and services, those of other libraries as well, sees gRPC.

mod call;
mod query;
mod streaming;
mod transcoder;
mod unary;

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderName, Method, Request, Response, StatusCode, header};
use tonic::Status;

use self::{call::ConnectCall, query::QueryMessage, transcoder::ServiceTranscoder};
use super::dispatch::RegisteredService;
use crate::{
    call::method::{IdempotencyLevel, MethodDescriptor, MethodKind},
    h2::server::{
        connect_info::ConnectInfo,
        service::{HttpService, ServiceFuture},
    },
    protocol::{
        connect::ConnectFormat, http_body::HttpBody, http_reply,
        length_prefixed::DEFAULT_DECODING_LIMIT,
    },
};

/// The services of a server that are called by Connect, by name.
#[derive(Clone, Default)]
pub(super) struct ConnectServices(BTreeMap<&'static str, ConnectService>);

/// A service, as far as Connect has to know it.
#[derive(Clone)]
enum ConnectService {
    Generated(Arc<RegisteredService>, Arc<ServiceTranscoder>),
    /// Of another library.
    Foreign,
}

/// Routes that speak Connect beside gRPC.
struct ConnectRoutes {
    inner: Arc<dyn HttpService>,
    services: ConnectServices,
}

/// What a request is to Connect.
enum ConnectTarget {
    /// A call, which does not say more than its head.
    Call(ConnectCall),
    /// A call whose message is in its URL.
    Query(ConnectCall, QueryMessage),
    Refused(Box<Response<HttpBody>>),
}

impl ConnectServices {
    pub(super) fn add_generated(&mut self, service: &Arc<RegisteredService>) {
        let transcoder = Arc::default();
        let name = service.descriptor.name;
        self.0.insert(name, ConnectService::Generated(Arc::clone(service), transcoder));
    }

    pub(super) fn add_foreign(&mut self, name: &'static str) {
        self.0.insert(name, ConnectService::Foreign);
    }

    /// Has these services called by Connect, beside the protocols that `inner` speaks.
    pub(super) fn wrap(self, inner: Arc<dyn HttpService>) -> Arc<dyn HttpService> {
        Arc::new(ConnectRoutes { inner, services: self })
    }

    /// None if the request is not Connect, or for none of these services.
    fn target(&self, request: &Request<HttpBody>) -> Option<ConnectTarget> {
        match *request.method() {
            Method::POST => {
                let content_type = request.headers().get(header::CONTENT_TYPE)?;
                let format = ConnectFormat::of_content_type(content_type)?;
                Some(self.service(request)?.target(request.uri().path(), format))
            }
            Method::GET => {
                let query = request.uri().query()?;
                let service = self.service(request)?;
                service.query_target(request.uri().path(), query)
            }
            _ => None,
        }
    }

    fn service(&self, request: &Request<HttpBody>) -> Option<&ConnectService> {
        let (name, _method) = request.uri().path().strip_prefix('/')?.split_once('/')?;
        self.0.get(name)
    }
}

impl ConnectService {
    fn target(&self, path: &str, format: ConnectFormat) -> ConnectTarget {
        let call =
            |limit, transcoder| ConnectTarget::Call(ConnectCall { format, limit, transcoder });
        match self {
            Self::Foreign => match transcoder::foreign(format.codec) {
                Ok(transcoder) => call(DEFAULT_DECODING_LIMIT, transcoder),
                Err(status) => ConnectTarget::Refused(Box::new(format.failure(&status))),
            },
            Self::Generated(service, transcoders) => {
                let Some(position) = service.position(path) else {
                    let status = service.unknown_method(path);
                    return ConnectTarget::Refused(Box::new(format.failure(&status)));
                };
                if is_unary(&service.descriptor.methods[position]) == format.is_stream {
                    let other = ConnectFormat { is_stream: !format.is_stream, ..format };
                    return ConnectTarget::Refused(other_content_type(other));
                }
                match transcoders.of_method(service, position, format.codec) {
                    Ok(transcoder) => call(service.decoding_limit(position), transcoder),
                    Err(status) => ConnectTarget::Refused(Box::new(format.failure(&status))),
                }
            }
        }
    }

    /// A call whose message is in `query`: of a method without side effects.
    fn query_target(&self, path: &str, query: &str) -> Option<ConnectTarget> {
        let Self::Generated(service, _) = self else { return None };
        let method = &service.descriptor.methods[service.position(path)?];
        if method.idempotency_level != IdempotencyLevel::NoSideEffects || !is_unary(method) {
            return None;
        }
        let message = QueryMessage::parse(query)?;
        let codec = message.as_ref().map_or_else(|(codec, _)| *codec, |message| message.codec);
        let format = ConnectFormat { is_stream: false, codec };
        Some(match (message, self.target(path, format)) {
            (Err((_, status)), _) => ConnectTarget::Refused(Box::new(format.failure(&status))),
            (Ok(message), ConnectTarget::Call(call)) => ConnectTarget::Query(call, message),
            (Ok(_), target) => target,
        })
    }
}

fn is_unary(method: &MethodDescriptor) -> bool {
    method.kind == MethodKind::Unary
}

/// The response to a request for a unary method as a stream, or the other way round.
fn other_content_type(accepted: ConnectFormat) -> Box<Response<HttpBody>> {
    let accept = HeaderName::from_static("accept-post");
    http_reply::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, (accept, accepted.content_type()))
}

impl ConnectRoutes {
    /// Has `answer` answer a request in gRPC.
    fn translate(
        &self,
        mut request: Request<HttpBody>,
        answer: impl FnOnce(Request<HttpBody>) -> ServiceFuture,
    ) -> ServiceFuture {
        let call = match self.services.target(&request) {
            None => return answer(request),
            Some(ConnectTarget::Refused(response)) => {
                return ServiceFuture::Refused(Some(response));
            }
            Some(ConnectTarget::Call(call)) => call,
            Some(ConnectTarget::Query(call, message)) => {
                message.put_into(&mut request);
                call
            }
        };
        match call.request_into_grpc(&mut request) {
            Ok(()) => {
                let response = call.response(answer(request));
                ServiceFuture::Other(None, Box::pin(response))
            }
            Err(status) => ServiceFuture::Refused(Some(Box::new(call.format.failure(&status)))),
        }
    }
}

impl HttpService for ConnectRoutes {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        self.translate(request, |request| self.inner.call(request))
    }

    #[cfg(feature = "_observed")]
    fn call_from(&self, request: Request<HttpBody>, info: Option<&ConnectInfo>) -> ServiceFuture {
        self.translate(request, |request| self.inner.call_from(request, info))
    }

    fn refuse(
        &self,
        request: Request<HttpBody>,
        refusal: &Status,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.inner.refuse(request, refusal, info)
    }

    fn wants_info(&self) -> bool {
        self.inner.wants_info()
    }
}
