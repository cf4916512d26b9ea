//! How streams end that are not gRPC's, when it is the server that ends them.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::Request;
use rust_scaffold::{Request as Call, Response as Answer, Server, Status, Streaming};
use tokio::{
    io,
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::contracts::{
    mirror::Everything,
    rest::{Excerpts, ExcerptsServer},
};

const SECOND: Duration = Duration::from_secs(1);

/// Streams the same message, as often as `int32` says, and does not end then. Says when a stream was dropped.
#[derive(Clone)]
struct Endless(mpsc::UnboundedSender<()>);

struct SayDropped(mpsc::UnboundedSender<()>);

impl Drop for SayDropped {
    fn drop(&mut self) {
        // Nobody may listen.
        let _ = self.0.send(());
    }
}

impl Excerpts for Endless {
    async fn search(&self, _: Call<Everything>) -> Result<Answer<Everything>, Status> {
        pending().await
    }

    async fn first(&self, _: Call<Everything>) -> Result<Answer<Everything>, Status> {
        pending().await
    }

    async fn watch_items(
        &self,
        call: Call<Everything>,
    ) -> Result<Answer<Streaming<Everything>>, Status> {
        let message = Everything { renamed_field: 7, ..Everything::default() };
        let times = usize::try_from(call.get_ref().int32).unwrap();
        let messages = tokio_stream::iter(std::iter::repeat_n(Ok(message), times));
        let dropped = SayDropped(self.0.clone());
        // One at a time.
        let messages = tokio_stream::StreamExt::then(messages, move |message| {
            let _until_it_is_dropped = &dropped;
            async {
                tokio::time::sleep(SECOND).await;
                message
            }
        });
        Ok(Answer::new(Streaming::new(tokio_stream::StreamExt::chain(
            messages,
            tokio_stream::pending(),
        ))))
    }
}

/// A format of streams: the request for one, a message of it, and how it ends.
struct Format {
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
    message: &'static [u8],
    end: fn(code: &str) -> String,
}

const FORMATS: [Format; 4] = [
    Format {
        path: "/v1/watch/2/items",
        headers: &[("grpc-timeout", "60S")],
        body: b"",
        message: b"[]\n",
        end: |code| format!("{{\"error\":{{\"code\":{}", number(code)),
    },
    Format {
        path: "/v1/watch/2/items",
        headers: &[("grpc-timeout", "60S"), ("accept", "text/event-stream")],
        body: b"",
        message: b"data: []\n\n",
        end: |code| format!("event: error\ndata: {{\"code\":{}", number(code)),
    },
    Format {
        path: "/rest.Excerpts/WatchItems",
        headers: &[("connect-timeout-ms", "60000"), ("content-type", "application/connect+json")],
        body: b"\0\0\0\0\x0b{\"int32\":2}",
        message: b"\0\0\0\0\x0b{\"other\":7}",
        end: |code| format!("{{\"error\":{{\"code\":\"{code}\""),
    },
    Format {
        path: "/rest.Excerpts/WatchItems",
        headers: &[("connect-timeout-ms", "60000"), ("content-type", "application/connect+proto")],
        body: b"\0\0\0\0\x02\x18\x02",
        message: b"\0\0\0\0\x02\x78\x07",
        end: |code| format!("{{\"error\":{{\"code\":\"{code}\""),
    },
];

fn number(code: &str) -> u8 {
    match code {
        "unavailable" => 14,
        "deadline_exceeded" => 4,
        code => panic!("{code}"),
    }
}

/// A client of a server that ends what it serves half a minute after `stop`.
async fn connect(window: u32, stop: oneshot::Receiver<()>) -> SendRequest<Bytes> {
    connect_to(Endless(mpsc::unbounded_channel().0), window, stop).await
}

async fn connect_to(
    endless: Endless,
    window: u32,
    stop: oneshot::Receiver<()>,
) -> SendRequest<Bytes> {
    let (near, far) = io::duplex(64 * 1024);
    let server =
        Server::new().shutdown_timeout(Some(30 * SECOND)).add_service(ExcerptsServer::new(endless));
    let incoming = tokio_stream::once(Ok(far));
    let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
    tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
        let _ = stop.await;
    }));
    let client = h2::client::Builder::new().initial_window_size(window).handshake(near);
    let (client, connection) = client.await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

impl Format {
    async fn ask(&self, client: &mut SendRequest<Bytes>) -> RecvStream {
        let mut request = Request::post(format!("http://localhost{}", self.path));
        if self.body.is_empty() {
            request = request.method("GET");
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(Bytes::from_static(self.body), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body()
    }
}

/// All data of `body`, which is read.
async fn read(body: &mut RecvStream) -> Vec<u8> {
    let mut received = Vec::new();
    // In virtual time, nothing takes long.
    while let Some(data) = timeout(60 * SECOND, body.data()).await.unwrap() {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        received.extend_from_slice(&data);
    }
    received
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_outlives_the_shutdown_says_so() {
    for format in &FORMATS {
        let (stop, stopped) = oneshot::channel();
        let mut client = connect(1 << 16, stopped).await;
        let mut body = format.ask(&mut client).await;
        let start = Instant::now();
        stop.send(()).unwrap();
        let received = read(&mut body).await;
        assert_eq!(start.elapsed().as_secs(), 30);
        check(&received, &format.message.repeat(2), &(format.end)("unavailable"));
    }
}

/// The client reads one message, and the others only when the deadline has passed.
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_that_its_client_does_not_read() {
    for format in &FORMATS {
        let (_stop, stopped) = oneshot::channel();
        let window = u32::try_from(format.message.len()).unwrap();
        let mut client = connect(window, stopped).await;
        let mut body = format.ask(&mut client).await;
        let mut received = body.data().await.unwrap().unwrap().to_vec();
        tokio::time::sleep(61 * SECOND).await;
        body.flow_control().release_capacity(received.len()).unwrap();
        received.extend(read(&mut body).await);
        check(&received, format.message, &(format.end)("deadline_exceeded"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_leaves_is_dropped() {
    for format in &FORMATS {
        let (_stop, stopped) = oneshot::channel();
        let (dropped, mut was_dropped) = mpsc::unbounded_channel();
        let mut client = connect_to(Endless(dropped), 1 << 16, stopped).await;
        let mut body = format.ask(&mut client).await;
        body.data().await.unwrap().unwrap();
        assert!(was_dropped.is_empty());
        // h2 resets it.
        drop(body);
        timeout(60 * SECOND, was_dropped.recv()).await.unwrap();
    }
}

/// These messages were received, and then the end, in which there is none.
fn check(received: &[u8], messages: &[u8], end: &str) {
    let shown = String::from_utf8_lossy(received);
    let rest = received.strip_prefix(messages).unwrap_or_else(|| panic!("{shown:?}"));
    let rest = String::from_utf8_lossy(rest);
    let position = rest.find(end).unwrap_or_else(|| panic!("{shown:?}"));
    // An envelope has five bytes before it.
    assert!(position <= 5 && rest.len() < 200, "{shown:?}");
}
