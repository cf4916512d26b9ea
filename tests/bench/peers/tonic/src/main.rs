//! Stock tonic under the load of the wire benchmark. With `TLS=FOLDER` in the environment, it speaks TLS with the
//! certificates in there. With `EQUIPPED=1`, the server has what [`equipment`] adds.

mod equipment;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    pin::Pin,
};

use bench_load::Peer;
use bytes::Bytes;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
        server::TcpIncoming,
    },
};

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_lines)]
mod generated {
    tonic::include_proto!("bench");

    pub(crate) const FILES: &[u8] = tonic::include_file_descriptor_set!("bench");
}

use generated::{
    Blob, Count, Number, Operands, Wish,
    bench_client::BenchClient,
    bench_server::{Bench, BenchServer},
};

type Answer<T> = Result<Response<T>, Status>;
type Blobs = Pin<Box<dyn Stream<Item = Result<Blob, Status>> + Send>>;

struct Service;

#[tonic::async_trait]
impl Bench for Service {
    type DownloadStream = Blobs;
    type ChatStream = Streaming<Blob>;

    async fn add(&self, request: Request<Operands>) -> Answer<Number> {
        let Operands { a, b } = request.into_inner();
        Ok(Response::new(Number { value: a.wrapping_add(b) }))
    }

    async fn echo(&self, request: Request<Blob>) -> Answer<Blob> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(&self, request: Request<Wish>) -> Answer<Blobs> {
        let Wish { messages, size } = request.into_inner();
        Ok(Response::new(Box::pin(blobs(messages, vec![b'x'; size as usize].into()).map(Ok))))
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

fn blobs(messages: u32, data: Bytes) -> impl Stream<Item = Blob> + Send {
    tokio_stream::iter((0..messages).map(move |_| Blob { data: data.clone() }))
}

#[derive(Clone)]
struct Stock(BenchClient<Channel>);

impl Peer for Stock {
    async fn serve(listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut builder = match tls() {
            Some(folder) => {
                let [certificate, key] = ["tls.crt", "tls.key"].map(|name| read(&folder, name));
                let identity = Identity::from_pem(certificate, key);
                let tls = ServerTlsConfig::new().identity(identity);
                Server::builder().tls_config(tls).expect("a certificate")
            }
            None => Server::builder(),
        };
        if std::env::var_os("EQUIPPED").is_some() {
            return equipment::serve(builder, BenchServer::new(Service), incoming).await;
        }
        let server = builder.add_service(BenchServer::new(Service));
        server.serve_with_incoming(incoming).await.expect("connections");
    }

    async fn connect(address: SocketAddr) -> Self {
        let endpoint = match tls() {
            Some(folder) => {
                let ca = Certificate::from_pem(read(&folder, "ca.pem"));
                let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("127.0.0.1");
                endpoint("https", address).tls_config(tls).expect("a CA")
            }
            None => endpoint("http", address),
        };
        Self(BenchClient::new(endpoint.connect().await.expect("a connection")))
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        self.0.clone().add(Operands { a, b }).await.expect("a sum").into_inner().value
    }

    async fn add_traced(&self, a: i32, b: i32, trace: String) -> i32 {
        let mut request = Request::new(Operands { a, b });
        request.metadata_mut().insert("traceparent", trace.try_into().expect("ASCII"));
        self.0.clone().add(request).await.expect("a sum").into_inner().value
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.0.clone().echo(Blob { data }).await.expect("a blob").into_inner().data.len()
    }

    async fn download(&self, messages: u32, size: u32) -> u64 {
        count(self.0.clone().download(Wish { messages, size }).await).await
    }

    async fn upload(&self, messages: u32, data: Bytes) -> u64 {
        let count = self.0.clone().upload(blobs(messages, data)).await;
        count.expect("a count").into_inner().messages
    }

    async fn chat(&self, messages: u32, data: Bytes) -> u64 {
        count(self.0.clone().chat(blobs(messages, data)).await).await
    }
}

fn tls() -> Option<PathBuf> {
    std::env::var_os("TLS").map(PathBuf::from)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a PEM file")
}

fn endpoint(scheme: &str, address: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("{scheme}://{address}")).expect("an address")
}

async fn count(answer: Answer<Streaming<Blob>>) -> u64 {
    let (mut blobs, mut messages) = (answer.expect("a stream").into_inner(), 0);
    while blobs.message().await.expect("a blob").is_some() {
        messages += 1;
    }
    messages
}

fn main() {
    bench_load::run::<Stock>();
}
