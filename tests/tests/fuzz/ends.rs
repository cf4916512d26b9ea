//! Both ends of a connection, at the mercy of whatever comes over it.

use std::{
    future::Future,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, ConnectInfo, ConnectedIo, ProxyProtocol, Request, Server, Streaming};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    runtime::{Builder, Handle},
    time::timeout,
};

use crate::{
    frame::Frame,
    service::Echo,
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
};

/// How many calls of clients have ended well.
pub(crate) static ANSWERS: AtomicU64 = AtomicU64::new(0);

/// The deadline of calls, in virtual time.
const DEADLINE: Duration = Duration::from_secs(10);
/// What is left after so long, in virtual time, hangs.
const HANGS: Duration = Duration::from_secs(24 * 3600);

/// Sends `bytes` to a server, which has to come to an end with them.
pub(crate) fn server_gets(bytes: &[u8]) {
    run(async {
        let (here, there) = duplex(64 * 1024);
        let server = Server::new().add_service(TelemetryServer::new(Echo));
        let serving = tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
        send(here, &[bytes]).await;
        timeout(HANGS, serving).await.expect("the server hangs").unwrap().unwrap();
    });
}

/// Sends `bytes` to a server behind a proxy, which has to come to an end with them.
pub(crate) fn proxied_server_gets(bytes: &[u8]) {
    run(async {
        let (here, there) = duplex(64 * 1024);
        let addresses = ["127.0.0.1:50051", "127.0.0.1:4711"].map(|it| it.parse().unwrap());
        let there = ConnectedIo::new(there, ConnectInfo::tcp(addresses[0], addresses[1]));
        let server = Server::new().add_service(TelemetryServer::new(Echo));
        let server = server.proxy_protocol(ProxyProtocol::from_trusted(["127.0.0.1"]));
        let serving = tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
        send(here, &[bytes]).await;
        timeout(HANGS, serving).await.expect("the server hangs").unwrap().unwrap();
    });
}

/// Sends `bytes` to a client that makes four calls, each of which has to end.
pub(crate) fn client_gets(bytes: &[u8]) {
    run(async {
        let (here, there) = duplex(64 * 1024);
        let there = Mutex::new(Some(there));
        let channel = Channel::builder("http://station").connector(move |_| {
            let io = there.lock().unwrap().take();
            async { io.ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()) }
        });
        let client = TelemetryClient::new(channel.connect_lazy().unwrap());
        let calls = tokio::spawn(call(client));
        let settings = Frame::settings(&[]).encode();
        send(here, &[&settings, bytes]).await;
        timeout(HANGS, calls).await.expect("a call hangs").unwrap();
    });
}

/// Runs `test` in virtual time, until no task is left of it.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        test.await;
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let gone = async {
            while tasks() > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        assert!(timeout(HANGS, gone).await.is_ok(), "{} tasks are left", tasks());
    });
}

/// Sends `pieces`, one after the other has been looked at, and takes what comes, until either end
/// has had enough.
async fn send(io: DuplexStream, pieces: &[&[u8]]) {
    let (mut from, mut to) = tokio::io::split(io);
    let send = async {
        for piece in pieces {
            // The other end may have enough before the end.
            let _ = to.write_all(piece).await;
            // In virtual time: nobody has anything left to do by then.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let _ = to.shutdown().await;
    };
    let receive = async { while from.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {} };
    tokio::join!(send, receive);
}

/// A call of each kind, all at once.
async fn call(client: TelemetryClient) {
    let unary = async { client.latest(request(Query::default())).await.map(drop) };
    let watch = async {
        let mut points = client.watch(request(Query::default())).await?.into_inner();
        while points.message().await?.is_some() {}
        points.skip_to_trailers().await.map(drop)
    };
    let upload = async {
        let points = Streaming::from_iter(vec![Point::default(); 3]);
        client.upload(request(points)).await.map(drop)
    };
    let tail = async {
        let (queries, requests) = Streaming::channel(1);
        queries.send(Query::default()).await?;
        let mut points = client.tail(request(requests)).await?.into_inner();
        while points.message().await?.is_some() {
            let _ = queries.send(Query::default()).await;
        }
        Ok::<_, rust_scaffold::Status>(())
    };
    let (unary, watch, upload, tail) = tokio::join!(unary, watch, upload, tail);
    // Any status will do.
    let answered = [unary, watch, upload, tail].iter().filter(|call| call.is_ok()).count();
    ANSWERS.fetch_add(answered as u64, Ordering::Relaxed);
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}
