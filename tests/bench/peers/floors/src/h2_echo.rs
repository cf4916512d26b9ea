//! What a unary call costs over bare HTTP/2: the frames of gRPC, with bytes that nobody looks at.

use std::{
    future::poll_fn,
    net::{SocketAddr, TcpListener},
};

use bench_load::Peer;
use bytes::Bytes;
use h2::{RecvStream, client::SendRequest, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;

/// Room for every message that is in flight.
const WINDOW: u32 = 8 << 20;
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

async fn connection(socket: TcpStream) {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    builder.max_send_buffer_size(WINDOW as usize);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(async move {
            // A client that goes away is the end of a run.
            drop(answer(request.into_body(), respond).await);
        });
    }
}

/// HEADERS, DATA and TRAILERS.
async fn answer(body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let payload = read(body).await?;
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", GRPC);
    let mut stream = respond.send_response(response, false)?;
    for data in payload {
        stream.send_data(data, false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

/// All DATA up to the end, and past the trailers.
async fn read(mut body: RecvStream) -> Result<Vec<Bytes>, h2::Error> {
    let mut payload = Vec::with_capacity(1);
    while let Some(data) = body.data().await.transpose()? {
        body.flow_control().release_capacity(data.len())?;
        payload.push(data);
    }
    body.trailers().await?;
    Ok(payload)
}

#[derive(Clone)]
struct H2Echo(SendRequest<Bytes>);

impl H2Echo {
    /// HEADERS and DATA.
    async fn call(&self, payload: Bytes) -> Result<Vec<Bytes>, h2::Error> {
        let mut sender = self.0.clone();
        poll_fn(|context| sender.poll_ready(context)).await?;
        let request = Request::post("http://127.0.0.1/bench.Bench/Add")
            .header("content-type", GRPC)
            .header("te", HeaderValue::from_static("trailers"));
        let request = request.body(()).expect("a request");
        let (response, mut stream) = sender.send_request(request, false)?;
        stream.send_data(payload, true)?;
        read(response.await?.into_body()).await
    }
}

impl Peer for H2Echo {
    async fn serve(listener: TcpListener) {
        bench_floors::serve(listener, connection).await;
    }

    async fn connect(address: SocketAddr) -> Self {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        builder.max_send_buffer_size(WINDOW as usize);
        let socket = bench_floors::connect(address).await;
        let (sender, connection) = builder.handshake(socket).await.expect("a server");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        let payload = self.call(bench_floors::operands(a, b)).await.expect("an answer");
        bench_floors::sum(&payload.concat())
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.call(data).await.expect("an answer").iter().map(Bytes::len).sum()
    }
}

fn main() {
    bench_load::run::<H2Echo>();
}
