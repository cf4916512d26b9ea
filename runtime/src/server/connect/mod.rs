//! Connect, for all services of a server.

mod call;
mod query;

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderName, Method, Request, Response, header};
use tonic::{Status, codec::EnabledCompressionEncodings};

use self::{call::ConnectCall, query::QueryMessage};
use super::{
    registered::RegisteredService,
    translate::{
        ServeGrpc,
        transcoder::{self, Transcoder},
    },
};
use crate::{
    call::method::{IdempotencyLevel, MethodDescriptor, MethodKind},
    connection::http_service::ServiceFuture,
    protocol::{
        Protocol, connect::ConnectFormat, http_body::HttpBody,
        length_prefixed::DEFAULT_DECODING_LIMIT,
    },
};

/// The services of a server that are called by Connect, by name.
#[derive(Clone, Default)]
pub(super) struct ConnectServices(BTreeMap<&'static str, ConnectService>);

/// A service, as far as Connect has to know it.
#[derive(Clone)]
enum ConnectService {
    Generated(Arc<RegisteredService>),
    /// Of another library.
    Foreign,
}

/// What a request is to Connect.
pub(super) enum ConnectTarget {
    Call(ConnectCall),
    /// A call whose message is in its URL.
    Query(ConnectCall, QueryMessage),
    /// A call that fails with this status.
    Refused(ConnectCall, Status),
    /// A call of a method of another kind, which is called in this format.
    OtherKind(ConnectFormat),
}

impl ConnectServices {
    pub(super) fn add_generated(&mut self, service: &Arc<RegisteredService>) {
        self.0.insert(service.descriptor.name, ConnectService::Generated(Arc::clone(service)));
    }

    pub(super) fn add_foreign(&mut self, name: &'static str) {
        self.0.insert(name, ConnectService::Foreign);
    }

    /// None if the request is not Connect, or for none of these services.
    pub(super) fn target(&self, request: &Request<HttpBody>) -> Option<ConnectTarget> {
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
        let call = |limit, accepted, transcoder| ConnectCall {
            format,
            limit,
            accepted,
            transcoder,
            is_get: false,
        };
        let (limit, accepted) = (DEFAULT_DECODING_LIMIT, EnabledCompressionEncodings::default());
        let (limit, accepted, transcoder) = match self {
            Self::Foreign => (limit, accepted, transcoder::foreign(format.codec)),
            Self::Generated(service) => match service.position(path) {
                // The service says so itself.
                None => (limit, accepted, Ok(Transcoder::Proto)),
                Some(position) => {
                    let is_unary = is_unary(&service.descriptor.methods[position]);
                    if is_unary == format.is_stream {
                        let accepted = ConnectFormat { is_stream: !is_unary, ..format };
                        return ConnectTarget::OtherKind(accepted);
                    }
                    let transcoder = transcoder::of_method(service, position, format.codec);
                    (service.decoding_limit(position), service.options.accepted, transcoder)
                }
            },
        };
        match transcoder {
            Ok(transcoder) => ConnectTarget::Call(call(limit, accepted, transcoder)),
            Err(status) => ConnectTarget::Refused(call(limit, accepted, Transcoder::Proto), status),
        }
    }

    /// A call whose message is in `query`: of a method without side effects.
    fn query_target(&self, path: &str, query: &str) -> Option<ConnectTarget> {
        let Self::Generated(service) = self else { return None };
        let method = &service.descriptor.methods[service.position(path)?];
        if method.idempotency_level != IdempotencyLevel::NoSideEffects || !is_unary(method) {
            return None;
        }
        let (codec, message) = QueryMessage::parse(query)?;
        let format = ConnectFormat { is_stream: false, codec };
        Some(match (self.target(path, format), message) {
            (ConnectTarget::Call(call), Ok(message)) => {
                ConnectTarget::Query(ConnectCall { is_get: true, ..call }, message)
            }
            (ConnectTarget::Call(call), Err(status)) => ConnectTarget::Refused(call, status),
            (target, _) => target,
        })
    }
}

fn is_unary(method: &MethodDescriptor) -> bool {
    method.kind == MethodKind::Unary
}

impl ConnectTarget {
    /// The response to `request`, which `serve` answers in gRPC.
    pub(super) fn serve(
        self,
        mut request: Request<HttpBody>,
        serve: ServeGrpc<'_>,
    ) -> ServiceFuture {
        let (call, refusal) = match self {
            Self::OtherKind(accepted) => {
                return serve(request, None)
                    .then(None, move |refusal| other_kind(accepted, refusal));
            }
            Self::Refused(call, status) => (call, Some(status)),
            Self::Call(call) => (call, None),
            Self::Query(call, message) => {
                message.put_into(&mut request);
                (call, None)
            }
        };
        let refusal = call.request_into_grpc(&mut request).err().or(refusal);
        let refusal = refusal.map(|status| Box::new(Protocol::Grpc.trailers_only(&status)));
        serve(request, refusal).then(None, |response| call.response(response))
    }
}

/// The response to a request for a unary method as a stream, or the other way round. To gRPC, its content type is unknown.
async fn other_kind(
    accepted: ConnectFormat,
    mut refusal: Response<HttpBody>,
) -> Response<HttpBody> {
    let accept = HeaderName::from_static("accept-post");
    refusal.headers_mut().insert(accept, accepted.content_type());
    refusal
}
