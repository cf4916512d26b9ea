//! A server that answers with what it was asked, and requests to it.

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full, combinators::UnsyncBoxBody};
use rust_scaffold::{
    Code, CompressionEncoding, JsonOptions, Request as Call, Response as Answer, Routes, Server,
    Status, Streaming, Trailers,
    metadata::{AsciiMetadataValue, MetadataMap},
    prost::Message as _,
    prost_types::Any,
};
use tower_service::Service as _;

use crate::contracts::{
    edition, legacy,
    mirror::{Everything, Mirror, MirrorServer},
};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) struct Echo;

impl Mirror for Echo {
    /// Fails if it is asked to, unpacks, and passes on metadata.
    async fn reflect(&self, call: Call<Everything>) -> Result<Answer<Everything>, Status> {
        if call.get_ref().string == "fail" {
            return Err(failure());
        }
        let text = call.metadata().get("x-text").cloned();
        let mut answer = Answer::new(unpacked(call.into_inner()));
        if let Some(text) = text {
            answer.metadata_mut().insert("x-text", text.clone());
            answer.extensions_mut().insert(trailers(text));
        }
        Ok(answer)
    }

    async fn reflect_edition(
        &self,
        call: Call<edition::Item>,
    ) -> Result<Answer<edition::Item>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_legacy(
        &self,
        call: Call<legacy::Item>,
    ) -> Result<Answer<legacy::Item>, Status> {
        Ok(call.into_inner().into())
    }

    /// Each message as it comes; fails at one that asks for it.
    async fn reflect_all(
        &self,
        call: Call<Streaming<Everything>>,
    ) -> Result<Answer<Streaming<Everything>>, Status> {
        let messages = call.into_inner();
        let answers = tokio_stream::StreamExt::map(messages, |message| match message {
            Ok(message) if message.string == "fail" => Err(failure()),
            message => message.map(unpacked),
        });
        let mut answer = Answer::new(Streaming::new(answers));
        answer.extensions_mut().insert(trailers("end".parse().unwrap()));
        Ok(answer)
    }
}

/// `message`, with what its bytes are as `any`, if it asks for that: what no JSON says.
fn unpacked(message: Everything) -> Everything {
    if message.string != "unpack" {
        return message;
    }
    let any = Any::decode(&message.bytes[..]).unwrap();
    Everything { any: Some(any), ..Everything::default() }
}

fn trailers(last: AsciiMetadataValue) -> Trailers {
    let mut trailers = MetadataMap::new();
    trailers.insert("x-last", last);
    Trailers(trailers)
}

/// With details: a `google.rpc.Status` that has the message "why" as one.
fn failure() -> Status {
    #[derive(Clone, PartialEq, rust_scaffold::prost::Message)]
    #[prost(prost_path = "rust_scaffold::prost")]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    let value = "why".to_owned().encode_to_vec();
    let type_url = "type.googleapis.com/google.protobuf.StringValue".to_owned();
    let details = Details { details: vec![Any { type_url, value }] };
    let mut status = Status::with_details(
        Code::FailedPrecondition,
        "größer als \"100 %\"",
        details.encode_to_vec().into(),
    );
    status.metadata_mut().insert("x-reason", "full".parse().unwrap());
    status
}

pub(crate) fn routes() -> Routes {
    routes_with(JsonOptions::new())
}

pub(crate) fn routes_with(options: JsonOptions) -> Routes {
    let mirror = MirrorServer::new(Echo)
        .json(options)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Server::new().add_service(mirror).into_service().unwrap()
}

pub(crate) fn post(method: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(format!("/mirror.Mirror/{method}"))
        .header("content-type", content_type)
        .body(Full::new(body.into()).boxed_unsync())
        .unwrap()
}

/// The response to `request`, all of it.
pub(crate) async fn answer(routes: &Routes, request: Request<Body>) -> Response<Bytes> {
    let response = routes.clone().call(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap();
    Response::from_parts(head, body)
}

pub(crate) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// The status of a response, its content type and its body.
pub(crate) fn seen(response: &Response<Bytes>) -> (StatusCode, &str, &str) {
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map_or("", |value| value.to_str().unwrap());
    (response.status(), content_type, str::from_utf8(response.body()).unwrap())
}
