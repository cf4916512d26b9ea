//! Responses, and bodies of other libraries, that an observer sees pass.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use tonic::{Status, metadata::MetadataMap};

#[cfg(feature = "web")]
use super::passing_web::PassingWebBody;
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
                let content = FrameContent::of(&ending, response.headers(), is_call);
                let ending = Some(ending);
                inner.observed_frames(Box::new(ResponseFrames { observer, ending, content }))
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
#[cfg(feature = "log")]
pub(crate) fn http_status(status: &Status) -> Option<StatusCode> {
    let not_grpc = status.source().and_then(<dyn Error>::downcast_ref::<NotGrpc>)?;
    Some(not_grpc.0)
}

/// Observes a response of another library.
struct ResponseFrames {
    observer: BoxObserver,
    /// How it ends if there are no trailers. None once it has ended.
    ending: Option<EndInHead>,
    content: FrameContent,
}

/// What is in the frames of a response.
enum FrameContent {
    Messages,
    /// Messages, and the trailers after them.
    #[cfg(feature = "web")]
    Web(Box<PassingWebBody>),
    PlainHttp,
}

impl FrameContent {
    #[cfg_attr(
        not(feature = "web"),
        allow(unused_variables, reason = "they say how it is compressed")
    )]
    fn of(ending: &EndInHead, headers: &HeaderMap, is_call: bool) -> Self {
        match ending {
            #[cfg(feature = "web")]
            EndInHead::InData(format) => Self::Web(Box::new(PassingWebBody::new(*format, headers))),
            _ if is_call => Self::Messages,
            _ => Self::PlainHttp,
        }
    }
}

impl FrameObserver for ResponseFrames {
    fn on_frame(&mut self, frame: &Frame<Bytes>) {
        let observer = &mut self.observer;
        match (&mut self.content, frame.data_ref(), frame.trailers_ref()) {
            (FrameContent::Messages, Some(data), _) => observer.on_data(data),
            (FrameContent::Messages, None, Some(trailers)) => end_with(trailers, observer),
            #[cfg(feature = "web")]
            (FrameContent::Web(body), Some(data), _) => {
                body.push(data, |messages| observer.on_data(messages));
            }
            _ => {}
        }
    }

    fn on_end(&mut self, end: Result<(), &Status>) {
        let observer = &mut self.observer;
        match (end, self.ending.take()) {
            (Err(status), _) => observer.on_end(Err(status)),
            #[cfg(feature = "web")]
            (Ok(()), Some(EndInHead::InData(_))) => {
                let content = std::mem::replace(&mut self.content, FrameContent::PlainHttp);
                let FrameContent::Web(body) = content else { return };
                match body.end(|messages| observer.on_data(messages)) {
                    Ok(Some(trailers)) => end_with(&trailers, observer),
                    Ok(None) => observer.on_end(Err(&status::missing())),
                    Err(malformed) => observer.on_end(Err(&malformed)),
                }
            }
            (Ok(()), Some(ending)) => ending.tell(observer),
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
    /// The status is in the data.
    #[cfg(feature = "web")]
    InData(Protocol),
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
            #[cfg(feature = "web")]
            Some(format) => Self::InData(format),
            _ => {
                let status = grpc::not_a_reply(Protocol::Grpc, response.status(), headers);
                Self::NotGrpc(response.status(), status)
            }
        }
    }

    fn tell(self, observer: &mut BoxObserver) {
        match self {
            Self::Status(headers) => end_with(&headers, observer),
            Self::Missing => observer.on_end(Err(&status::missing())),
            #[cfg(feature = "web")]
            Self::InData(_) => observer.on_end(Err(&status::missing())),
            Self::PlainHttp => observer.on_end(Ok(&MetadataMap::new())),
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
