//! volo-grpc under the load of the wire benchmark.

use std::{
    net::{SocketAddr, TcpListener},
    pin::pin,
};

use bench_load::Peer;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use volo::net::{Address, incoming::DefaultIncoming};
use volo_grpc::{
    BoxStream, RecvStream, Request, Response, Status,
    server::{Server, ServiceBuilder},
};

mod generated {
    include!(concat!(env!("OUT_DIR"), "/bench.rs"));
}

use generated::bench::bench::{
    Bench, BenchClient, BenchClientBuilder, BenchServer, Blob, Count, Number, Operands, Wish,
};

type Answer<T> = Result<Response<T>, Status>;
type Blobs = BoxStream<'static, Result<Blob, Status>>;

struct Service;

impl Bench for Service {
    async fn add(&self, request: Request<Operands>) -> Answer<Number> {
        let Operands { a, b, .. } = request.into_inner();
        Ok(Response::new(Number { value: a.wrapping_add(b) }))
    }

    async fn echo(&self, request: Request<Blob>) -> Answer<Blob> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(&self, request: Request<Wish>) -> Answer<Blobs> {
        let Wish { messages, size, .. } = request.into_inner();
        Ok(Response::new(Box::pin(blobs(messages, vec![b'x'; size as usize].into()).map(Ok))))
    }

    async fn upload(&self, request: Request<RecvStream<Blob>>) -> Answer<Count> {
        let messages = count(Ok(Response::new(request.into_inner()))).await;
        Ok(Response::new(Count { messages }))
    }

    async fn chat(&self, request: Request<RecvStream<Blob>>) -> Answer<Blobs> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

fn blobs(messages: u32, data: Bytes) -> impl Stream<Item = Blob> + Send {
    futures::stream::iter((0..messages).map(move |_| Blob { data: data.clone() }))
}

#[derive(Clone)]
struct Volo(BenchClient);

impl Peer for Volo {
    async fn serve(listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let service = ServiceBuilder::new(BenchServer::new(Service)).build();
        let server = Server::new().add_service(service);
        server.run(DefaultIncoming::from(listener)).await.expect("connections");
    }

    /// The connection itself is made with the first call.
    async fn connect(address: SocketAddr) -> Self {
        Self(BenchClientBuilder::new("bench").address(Address::from(address)).build())
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        self.0.add(Operands { a, b }).await.expect("a sum").into_inner().value
    }

    async fn add_traced(&self, a: i32, b: i32, trace: String) -> i32 {
        let mut request = Request::new(Operands { a, b });
        request.metadata_mut().insert("traceparent", trace.parse().expect("ASCII"));
        self.0.add(request).await.expect("a sum").into_inner().value
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.0.echo(Blob { data }).await.expect("a blob").into_inner().data.len()
    }

    async fn download(&self, messages: u32, size: u32) -> u64 {
        count(self.0.download(Wish { messages, size }).await).await
    }

    async fn upload(&self, messages: u32, data: Bytes) -> u64 {
        let count = self.0.upload(blobs(messages, data)).await;
        count.expect("a count").into_inner().messages
    }

    async fn chat(&self, messages: u32, data: Bytes) -> u64 {
        count(self.0.chat(blobs(messages, data)).await).await
    }
}

async fn count(answer: Answer<impl Stream<Item = Result<Blob, Status>>>) -> u64 {
    let (mut blobs, mut messages) = (pin!(answer.expect("a stream").into_inner()), 0);
    while let Some(blob) = blobs.next().await {
        blob.expect("a blob");
        messages += 1;
    }
    messages
}

fn main() {
    bench_load::run::<Volo>();
}
