//! A server that answers with the headers, bytes and trailers that a test gives it: over HTTP/2, and
//! as a tower service.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request};
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{Channel, tonic};
use tokio::net::TcpStream;

use crate::{http::Body, routes::listen};

/// An answer, as HTTP sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    /// Without them, the stream ends with the headers.
    pub(crate) rest: Option<(Bytes, Option<HeaderMap>)>,
}

impl Answer {
    /// Headers, messages, trailers.
    pub(crate) fn whole(messages: Bytes, trailers: HeaderMap) -> Self {
        Self { headers: grpc(HeaderMap::new()), rest: Some((messages, Some(trailers))) }
    }

    /// Nothing but headers.
    pub(crate) fn only(headers: HeaderMap) -> Self {
        Self { headers: grpc(headers), rest: None }
    }
}

fn grpc(mut headers: HeaderMap) -> HeaderMap {
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers
}

/// A map of `fields`, of which a name may be there more than once.
pub(crate) fn map(fields: &[(&'static str, &[u8])]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &[u8])| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(field) {
        map.append(name, value);
    }
    map
}

type Script = Arc<dyn Fn(&request::Parts) -> Answer + Send + Sync>;

/// Channels to a server that answers as `script` says, by the names of their transports.
pub(crate) async fn channels(
    script: impl Fn(&request::Parts) -> Answer + Send + Sync + 'static,
) -> [(&'static str, Channel); 2] {
    let script: Script = Arc::new(script);
    let (listener, address) = listen().await;
    let over_http2 = Arc::clone(&script);
    tokio::spawn(async move {
        // There is one connection: a call that breaks it breaks those after it.
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, over_http2).await;
    });
    let h2 = Channel::builder(format!("http://{address}")).max_connections(1);
    [("h2", h2.connect().await.unwrap()), ("tower", Channel::new(Scripted(script)))]
}

async fn serve(stream: TcpStream, script: Script) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (request, _) = request.into_parts();
        let Answer { headers, rest } = script(&request);
        let mut head = Response::new(());
        *head.headers_mut() = headers;
        let mut stream = respond.send_response(head, rest.is_none()).unwrap();
        if let Some((data, trailers)) = rest {
            stream.send_data(data, trailers.is_none()).unwrap();
            if let Some(trailers) = trailers {
                stream.send_trailers(trailers).unwrap();
            }
        }
    }
}

#[derive(Clone)]
struct Scripted(Script);

impl tower_service::Service<Request<tonic::body::Body>> for Scripted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let (request, _) = request.into_parts();
        let Answer { headers, rest } = (self.0)(&request);
        let body = match rest {
            None => Full::default().boxed_unsync(),
            Some((data, trailers)) => {
                Full::new(data).with_trailers(async { trailers.map(Ok) }).boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        std::future::ready(Ok(response))
    }
}
