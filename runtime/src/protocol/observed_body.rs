//! Responses, and bodies of other libraries, that an observer sees pass.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use tonic::{Status, metadata::MetadataMap};

use super::{
    content_type::Protocol,
    grpc, grpc_status,
    headers::GrpcHeaders,
    http_body::{FrameObserver, HttpBody},
};
use crate::call::{observer::BoxObserver, panics::CaughtPanic, status};

/// Shows the messages of `response`, and how it ends, to `observer`: at once if all of it is here. Whether it is the
/// response to a call, or else to plain HTTP, decides what it should be.
pub(crate) fn observe_response(
    mut response: Response<HttpBody>,
    observer: BoxObserver,
    is_call: bool,
) -> Response<HttpBody> {
    let body = std::mem::take(response.body_mut());
    *response.body_mut() = match body.observed_response(observer) {
        Ok(observed) => observed,
        Err((inner, mut observer)) => {
            let ending = EndInHead::of(&mut response, is_call);
            if inner.is_end_stream() {
                ending.tell(&mut observer);
                inner
            } else {
                let ending = Some(ending);
                inner.observed_frames(Box::new(ResponseFrames { observer, ending, is_call }))
            }
        }
    };
    response
}

/// Marks the status of a response that is not gRPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotGrpc(pub(crate) StatusCode);

impl fmt::Display for NotGrpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}", self.0)
    }
}

impl Error for NotGrpc {}

/// The HTTP status of a response that was not gRPC.
pub(crate) fn http_status(status: &Status) -> Option<StatusCode> {
    let not_grpc = status.source().and_then(<dyn Error>::downcast_ref::<NotGrpc>)?;
    Some(not_grpc.0)
}

/// Observes a response of another library.
struct ResponseFrames {
    observer: BoxObserver,
    /// How it ends if there are no trailers. None once it has ended.
    ending: Option<EndInHead>,
    /// Whether there are messages in it.
    is_call: bool,
}

impl FrameObserver for ResponseFrames {
    fn on_frame(&mut self, frame: &Frame<Bytes>) {
        match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) if self.is_call => self.observer.on_data(data),
            (None, Some(trailers)) if self.is_call => end_with(trailers, &mut self.observer),
            _ => {}
        }
    }

    fn on_end(&mut self, end: Result<(), &Status>) {
        match (end, self.ending.take()) {
            (Err(status), _) => self.observer.on_end(Err(status)),
            (Ok(()), Some(ending)) => ending.tell(&mut self.observer),
            (Ok(()), None) => {}
        }
    }
}

/// What the head of a response says of its end, which holds if there are no trailers.
enum EndInHead {
    /// Its headers have a status.
    Status(HeaderMap),
    /// They have not, but it is gRPC.
    Missing,
    /// The status is in the data, which is not looked into.
    InData,
    NotGrpc(StatusCode, Status),
    /// It is plain HTTP, and went well.
    PlainHttp,
    Panicked(CaughtPanic),
}

impl EndInHead {
    fn of(response: &mut Response<HttpBody>, is_call: bool) -> Self {
        if let Some(panic) = response.extensions_mut().remove::<CaughtPanic>() {
            return Self::Panicked(panic);
        }
        if !is_call && response.status().as_u16() < 400 {
            return Self::PlainHttp;
        }
        let headers = response.headers();
        let grpc = GrpcHeaders::parse(headers);
        if grpc_status::code(&grpc).is_some() {
            return Self::Status(headers.clone());
        }
        match grpc.protocol() {
            _ if grpc.is_grpc_of_any_codec() => Self::Missing,
            Some(_) => Self::InData,
            None => {
                let status = grpc::not_a_reply(Protocol::Grpc, response.status(), headers);
                Self::NotGrpc(response.status(), status)
            }
        }
    }

    fn tell(self, observer: &mut BoxObserver) {
        match self {
            Self::Status(headers) => end_with(&headers, observer),
            Self::Missing => observer.on_end(Err(&status::missing())),
            Self::InData | Self::PlainHttp => observer.on_end(Ok(&MetadataMap::new())),
            Self::NotGrpc(code, mut status) => {
                status.set_source(Arc::new(NotGrpc(code)));
                observer.on_end(Err(&status));
            }
            Self::Panicked(panic) => observer.on_end(Err(&status::of_panic(panic))),
        }
    }
}

fn end_with(trailers: &HeaderMap, observer: &mut BoxObserver) {
    match grpc_status::end_of_response(Some(trailers.clone())) {
        Ok(trailers) => observer.on_end(Ok(trailers.as_deref().unwrap_or(&MetadataMap::new()))),
        Err(status) => observer.on_end(Err(&status)),
    }
}
