//! connectrpc, speaking gRPC, under the load of the wire benchmark.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use bench_load::Peer;
use bytes::Bytes;
use connectrpc::{
    ConnectRpcService, InboundStream, Limits, Protocol, RequestContext, Response, Router, Server,
    ServiceRequest, ServiceResult, ServiceStream,
    client::{CallOptions, ClientConfig, Http2Connection, SharedHttp2Connection},
};
use futures::StreamExt as _;

mod generated {
    connectrpc::include_generated!();
}

use generated::bench::{Bench, BenchClient, Blob, Count, Number, Operands, Wish};

/// More than any message of the benchmark.
const MOST_BYTES: usize = 64 << 20;
/// Calls that wait for the connection, more than are ever in flight.
const WAITING: usize = 1024;

struct Service;

impl Bench for Service {
    async fn add(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, Operands>,
    ) -> ServiceResult<Number> {
        Response::ok(Number { value: request.a.wrapping_add(request.b), ..Default::default() })
    }

    async fn echo(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, Blob>,
    ) -> ServiceResult<Blob> {
        Response::ok(blob(request.data.to_vec()))
    }

    async fn download(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, Wish>,
    ) -> ServiceResult<ServiceStream<Blob>> {
        let (messages, data) = (request.messages, vec![b'x'; request.size as usize]);
        Response::stream_ok(futures::stream::iter(blobs(messages, data).map(Ok)))
    }

    async fn upload(
        &self,
        _: RequestContext,
        mut blobs: InboundStream<Blob>,
    ) -> ServiceResult<Count> {
        let mut messages = 0;
        while let Some(blob) = blobs.next().await {
            blob?;
            messages += 1;
        }
        Response::ok(Count { messages, ..Default::default() })
    }

    async fn chat(
        &self,
        _: RequestContext,
        blobs: InboundStream<Blob>,
    ) -> ServiceResult<ServiceStream<Blob>> {
        Response::stream_ok(blobs.map(|blob| Ok(blob?.to_owned_message())))
    }
}

fn blob(data: Vec<u8>) -> Blob {
    Blob { data, ..Default::default() }
}

fn blobs(messages: u32, data: Vec<u8>) -> impl Iterator<Item = Blob> + Send {
    (0..messages).map(move |_| blob(data.clone()))
}

#[derive(Clone)]
struct Connect(Arc<BenchClient<SharedHttp2Connection>>);

impl Peer for Connect {
    async fn serve(listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let router = Router::new().add_service(Arc::new(Service));
        let service = ConnectRpcService::new(router).with_limits(Limits::unlimited());
        Server::from_listener(listener).serve_with_service(service).await.expect("connections");
    }

    async fn connect(address: SocketAddr) -> Self {
        let uri: http::Uri = format!("http://{address}").parse().expect("an address");
        let connection = Http2Connection::connect_plaintext(uri.clone()).await;
        let config = ClientConfig::new(uri)
            .with_protocol(Protocol::Grpc)
            .with_default_max_message_size(MOST_BYTES);
        let connection = connection.expect("a connection").shared(WAITING);
        Self(Arc::new(BenchClient::new(connection, config)))
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        let sum = self.0.add(Operands { a, b, ..Default::default() }).await;
        sum.expect("a sum").view().value
    }

    async fn add_traced(&self, a: i32, b: i32, trace: String) -> i32 {
        let (operands, options) = (Operands { a, b, ..Default::default() }, CallOptions::default());
        let sum = self.0.add_with_options(operands, options.with_header("traceparent", trace));
        sum.await.expect("a sum").view().value
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.0.echo(blob(data.to_vec())).await.expect("a blob").view().data.len()
    }

    async fn download(&self, messages: u32, size: u32) -> u64 {
        let wish = Wish { messages, size, ..Default::default() };
        let (mut blobs, mut messages) = (self.0.download(wish).await.expect("a stream"), 0);
        while blobs.message::<Blob>().await.expect("a blob").is_some() {
            messages += 1;
        }
        messages
    }

    async fn upload(&self, messages: u32, data: Bytes) -> u64 {
        let blobs = futures::stream::iter(blobs(messages, data.to_vec()));
        self.0.upload(blobs).await.expect("a count").view().messages
    }

    async fn chat(&self, messages: u32, data: Bytes) -> u64 {
        let (mut requests, mut responses) = self.0.chat().await.expect("streams").into_split();
        tokio::spawn(async move {
            for blob in blobs(messages, data.to_vec()) {
                requests.send(blob).await.expect("a server that reads");
            }
            requests.close_send();
        });
        let mut messages = 0;
        while responses.message::<Blob>().await.expect("a blob").is_some() {
            messages += 1;
        }
        messages
    }
}

fn main() {
    bench_load::run::<Connect>();
}
