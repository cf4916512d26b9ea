//! How streams end that are not gRPC's, when it is the server that ends them.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{Request, Response, Version};
use rust_scaffold::{Cors, Request as Call, Response as Answer, Server, Status, Streaming};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use crate::{
    SECOND,
    contracts::{
        mirror::Everything,
        rest::{Excerpts, ExcerptsServer},
    },
    raw::{Head, Raw},
};

/// Streams the same message, `times` times, and does not end then. Says when a stream was dropped.
#[derive(Clone)]
struct Endless {
    times: usize,
    /// Before each message.
    pause: Duration,
    dropped: mpsc::UnboundedSender<()>,
}

impl Endless {
    /// Two messages, one a second.
    fn slow() -> Self {
        Self { times: 2, pause: SECOND, dropped: mpsc::unbounded_channel().0 }
    }
}

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
        _: Call<Everything>,
    ) -> Result<Answer<Streaming<Everything>>, Status> {
        let Self { times, pause, dropped } = self.clone();
        let message = Everything { renamed_field: 7, ..Everything::default() };
        let messages = tokio_stream::iter(std::iter::repeat_n(Ok(message), times));
        let dropped = SayDropped(dropped);
        // One at a time.
        let messages = tokio_stream::StreamExt::then(messages, move |message| {
            let _until_it_is_dropped = &dropped;
            async move {
                sleep(pause).await;
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

/// A connection to a server that ends what it serves half a minute after `stop`.
fn connect(server: Server, endless: Endless, stop: oneshot::Receiver<()>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = server.shutdown_timeout(Some(30 * SECOND));
    let server = server.add_service(ExcerptsServer::new(endless));
    let incoming = tokio_stream::once(Ok(far));
    let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
    tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
        let _ = stop.await;
    }));
    near
}

/// Shuts the server down in a second, when it serves.
async fn shut_down(stop: oneshot::Sender<()>) {
    sleep(SECOND).await;
    stop.send(()).unwrap();
}

/// A client whose streams have this window at first.
async fn http2(io: DuplexStream, window: u32) -> SendRequest<Bytes> {
    let client = h2::client::Builder::new().initial_window_size(window).handshake(io);
    let (client, connection) = client.await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

impl Format {
    fn method(&self) -> &'static str {
        if self.body.is_empty() { "GET" } else { "POST" }
    }

    /// The response over HTTP/2.
    async fn send(&self, client: &mut SendRequest<Bytes>) -> Response<RecvStream> {
        let uri = format!("http://localhost{}", self.path);
        let mut request = Request::builder().method(self.method()).uri(uri);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(Bytes::from_static(self.body), true).unwrap();
        response.await.unwrap()
    }

    /// The body of a successful response over HTTP/2.
    async fn ask(&self, client: &mut SendRequest<Bytes>) -> RecvStream {
        let response = self.send(client).await;
        assert_eq!(response.status(), 200);
        response.into_body()
    }

    /// The request in HTTP/1.1.
    fn text(&self) -> Vec<u8> {
        let (method, path, length) = (self.method(), self.path, self.body.len());
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers = headers.collect::<String>();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        [head.as_bytes(), self.body].concat()
    }

    /// The response, whose body is read as it arrives.
    async fn response(&self, version: Version, io: DuplexStream) -> (Head, Vec<u8>) {
        if version == Version::HTTP_2 {
            let mut client = http2(io, 1 << 16).await;
            let (head, mut body) = self.send(&mut client).await.into_parts();
            let head = Head { status: head.status, headers: head.headers };
            return (head, read(&mut body).await);
        }
        let mut client = Raw::new(io);
        client.send(self.text()).await;
        client.response().await
    }
}

/// Each format over each version of HTTP.
fn everywhere(formats: &'static [Format]) -> impl Iterator<Item = (Version, &'static Format)> {
    let versions = [Version::HTTP_11, Version::HTTP_2];
    versions.into_iter().flat_map(move |version| formats.iter().map(move |it| (version, it)))
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
    for (version, format) in everywhere(&FORMATS) {
        let (stop, stopped) = oneshot::channel();
        let io = connect(Server::new(), Endless::slow(), stopped);
        let start = Instant::now();
        let ((head, received), ()) = tokio::join!(format.response(version, io), shut_down(stop));
        assert_eq!((head.status.as_u16(), start.elapsed().as_secs()), (200, 31));
        check(&received, &format.message.repeat(2), &(format.end)("unavailable"));
    }
}

const PAGE: &str = "https://app.example.com";

/// Unary calls, which fail in the head of the response or in its body.
const UNARY: [Format; 3] = [
    Format {
        path: "/v1/search",
        headers: &[("origin", PAGE)],
        body: b"",
        message: b"",
        end: |code| format!("{{\"code\":{},\"message\"", number(code)),
    },
    Format {
        path: "/rest.Excerpts/Search",
        headers: &[("origin", PAGE), ("content-type", "application/json")],
        body: b"{}",
        message: b"",
        end: |code| format!("{{\"code\":\"{code}\",\"message\""),
    },
    Format {
        path: "/rest.Excerpts/Search",
        headers: &[("origin", PAGE), ("content-type", "application/grpc-web")],
        body: b"\0\0\0\0\0",
        message: b"",
        end: |code| format!("\"grpc-status\": \"{}\"", number(code)),
    },
];

/// Without the headers of CORS, a page would see no response at all.
#[tokio::test(start_paused = true)]
async fn a_call_of_a_page_that_outlives_the_shutdown_says_so() {
    for (version, format) in everywhere(&UNARY) {
        let (stop, stopped) = oneshot::channel();
        let server = Server::new().cors(Cors::allow_origins([PAGE]));
        let io = connect(server, Endless::slow(), stopped);
        let ((head, body), ()) = tokio::join!(format.response(version, io), shut_down(stop));
        assert_eq!(head.get("access-control-allow-origin"), PAGE, "{}", format.path);
        let shown = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
        assert!(shown.contains(&(format.end)("unavailable")), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_outlives_its_connection_says_so() {
    for (version, format) in everywhere(&FORMATS) {
        let (_stop, stopped) = oneshot::channel();
        let server = Server::new().max_connection_age(Some(20 * SECOND));
        let server = server.max_connection_age_grace(Some(10 * SECOND));
        let io = connect(server, Endless::slow(), stopped);
        let (_, received) = format.response(version, io).await;
        check(&received, &format.message.repeat(2), &(format.end)("unavailable"));
    }
}

/// The client reads one message, and the others only when the deadline has passed.
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_that_its_client_does_not_read() {
    for format in &FORMATS {
        let (_stop, stopped) = oneshot::channel();
        let window = u32::try_from(format.message.len()).unwrap();
        let mut client = http2(connect(Server::new(), Endless::slow(), stopped), window).await;
        let mut body = format.ask(&mut client).await;
        let mut received = body.data().await.unwrap().unwrap().to_vec();
        sleep(61 * SECOND).await;
        body.flow_control().release_capacity(received.len()).unwrap();
        received.extend(read(&mut body).await);
        check(&received, format.message, &(format.end)("deadline_exceeded"));
    }
}

/// HTTP/1.1 has no windows: what is written fills the buffers first.
#[tokio::test(start_paused = true)]
async fn over_http1_a_deadline_ends_a_stream_that_its_client_does_not_read() {
    const TIMES: usize = 100_000;
    for format in &FORMATS {
        let (_stop, stopped) = oneshot::channel();
        let (dropped, mut was_dropped) = mpsc::unbounded_channel();
        let endless = Endless { times: TIMES, pause: Duration::ZERO, dropped };
        let mut client = Raw::new(connect(Server::new(), endless, stopped));
        client.send(format.text()).await;
        timeout(120 * SECOND, was_dropped.recv()).await.expect("it is dropped");
        let (_, received) = client.response().await;
        let messages = received.chunks(format.message.len());
        let times = messages.take_while(|message| *message == format.message).count();
        assert!(times < TIMES);
        check(&received, &format.message.repeat(times), &(format.end)("deadline_exceeded"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_leaves_is_dropped() {
    for format in &FORMATS {
        let (_stop, stopped) = oneshot::channel();
        let (dropped, mut was_dropped) = mpsc::unbounded_channel();
        let endless = Endless { dropped, ..Endless::slow() };
        let mut client = http2(connect(Server::new(), endless, stopped), 1 << 16).await;
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
