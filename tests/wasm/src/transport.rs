//! A transport that is none of ours.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use rust_scaffold::prost::Message;
use tonic::body::Body;

/// Answers every call with one message.
#[derive(Clone, Debug)]
pub struct Canned(Bytes);

impl Canned {
    /// Answers with `message`.
    pub fn new(message: &impl Message) -> Self {
        let mut frame = BytesMut::from(&[0; 1][..]);
        // It fits into the memory of wasm.
        frame.put_u32(message.encoded_len() as u32);
        frame.extend(message.encode_to_vec());
        Self(frame.freeze())
    }
}

impl tower_service::Service<Request<Body>> for Canned {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut ok = HeaderMap::new();
        ok.insert("grpc-status", HeaderValue::from(0));
        let frames = [Frame::data(self.0.clone()), Frame::trailers(ok)];
        let mut response = Response::new(Body::new(Frames(frames.into())));
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        ready(Ok(response))
    }
}

struct Frames(VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
