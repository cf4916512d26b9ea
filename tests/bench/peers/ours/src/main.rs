//! Our runtime under the load of the wire benchmark. With `INTERCEPTORS=2` in the environment, each side has as
//! many interceptors that do nothing. With `TLS=FOLDER`, it speaks TLS with the certificates in there. With
//! `EQUIPPED=1`, the server has what services in production have beside their methods: health, reflection, a log of
//! requests, spans, and limits.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use bench_load::Peer;
use bytes::Bytes;
use rust_scaffold::{
    CallLog, Channel, ClientTls, InterceptedCall, Interceptor, Limits, Next, Reply, Request,
    Response, Server, ServerTls, Status, Streaming,
};
use tokio_stream::StreamExt as _;
use tracing::Level;

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown)]
mod generated {
    rust_scaffold::include_proto!("bench");
}

use generated::{Bench, BenchClient, BenchServer, Blob, Count, Number, Operands, Wish};

type Answer<T> = Result<Response<T>, Status>;

struct Service;

impl Bench for Service {
    async fn add(&self, request: Request<Operands>) -> Answer<Number> {
        let Operands { a, b } = request.into_inner();
        Ok(Response::new(Number { value: a.wrapping_add(b) }))
    }

    async fn echo(&self, request: Request<Blob>) -> Answer<Blob> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(&self, request: Request<Wish>) -> Answer<Streaming<Blob>> {
        let Wish { messages, size } = request.into_inner();
        Ok(Response::new(Streaming::new(blobs(messages, vec![b'x'; size as usize].into()).map(Ok))))
    }

    async fn upload(&self, request: Request<Streaming<Blob>>) -> Answer<Count> {
        let (mut blobs, mut messages) = (request.into_inner(), 0);
        while blobs.message().await?.is_some() {
            messages += 1;
        }
        Ok(Response::new(Count { messages }))
    }

    async fn chat(&self, request: Request<Streaming<Blob>>) -> Answer<Streaming<Blob>> {
        Ok(Response::new(request.into_inner()))
    }
}

fn blobs(messages: u32, data: Bytes) -> impl tokio_stream::Stream<Item = Blob> + Send {
    tokio_stream::iter((0..messages).map(move |_| Blob { data: data.clone() }))
}

#[derive(Clone)]
struct Ours(BenchClient);

impl Peer for Ours {
    async fn serve(listener: TcpListener) {
        serve(Server::new(), listener).await;
    }

    async fn serve_counted(listener: TcpListener) {
        serve(Server::new().inline_limit(Duration::from_millis(5)), listener).await;
    }

    async fn connect(address: SocketAddr) -> Self {
        let channel = match tls() {
            Some(folder) => Channel::builder(format!("https://{address}"))
                .tls(ClientTls::new().ca(folder.join("ca.pem"))),
            None => Channel::builder(format!("http://{address}")),
        };
        let client = BenchClient::new(channel.connect().await.expect("a connection"));
        Self((0..interceptors()).fold(client, |client, _| client.intercept(PassOn)))
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        self.0.add(Operands { a, b }).await.expect("a sum").into_inner().value
    }

    async fn add_traced(&self, a: i32, b: i32, trace: String) -> i32 {
        let mut request = Request::new(Operands { a, b });
        request.metadata_mut().insert("traceparent", trace.try_into().expect("ASCII"));
        self.0.add(request).await.expect("a sum").into_inner().value
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.0.echo(Blob { data }).await.expect("a blob").into_inner().data.len()
    }

    async fn download(&self, messages: u32, size: u32) -> u64 {
        count(self.0.download(Wish { messages, size }).await).await
    }

    async fn upload(&self, messages: u32, data: Bytes) -> u64 {
        self.0.upload(blobs(messages, data)).await.expect("a count").into_inner().messages
    }

    async fn chat(&self, messages: u32, data: Bytes) -> u64 {
        count(self.0.chat(blobs(messages, data)).await).await
    }
}

async fn serve(server: Server, listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let server = server.add_service(BenchServer::new(Service));
    let server = (0..interceptors()).fold(server, |server, _| server.intercept(PassOn));
    let server = match tls() {
        Some(folder) => {
            let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.join(name));
            server.tls(ServerTls::from_pem_files(certificate, key))
        }
        None => server,
    };
    let server = match std::env::var_os("EQUIPPED") {
        Some(_) => equipped(server),
        None => server,
    };
    server.serve_listener(listener).await.expect("connections");
}

/// Lines are made and thrown away.
fn equipped(server: Server) -> Server {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(Level::INFO)
        .with_writer(io::sink)
        .init();
    server
        .health()
        .reflection()
        .log_calls_to(CallLog::to_writer(io::sink()))
        .trace_calls()
        .limits(Limits::new().max_concurrent_calls(1024).timeout(Duration::from_secs(10)))
}

fn interceptors() -> usize {
    std::env::var("INTERCEPTORS").map_or(0, |number| number.parse().expect("a number"))
}

fn tls() -> Option<PathBuf> {
    std::env::var_os("TLS").map(PathBuf::from)
}

struct PassOn;

impl Interceptor for PassOn {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        next.run(call).await
    }
}

async fn count(answer: Answer<Streaming<Blob>>) -> u64 {
    let (mut blobs, mut messages) = (answer.expect("a stream").into_inner(), 0);
    while blobs.message().await.expect("a blob").is_some() {
        messages += 1;
    }
    messages
}

fn main() {
    rust_scaffold::raise_mmap_threshold();
    bench_load::run::<Ours>();
}
