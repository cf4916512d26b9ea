//! One end of a connection, in the hands of a test.

use std::{collections::BTreeMap, time::Duration};

use loona_hpack::Decoder;
use rust_scaffold::{Channel, Server, prost::Message};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEAD, HEADERS, PADDED, PING,
    PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY,
};
use crate::{
    routes::listen,
    station::Station,
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Only a hang takes so long.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A socket, or something like it.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The end of a connection that the test has: a client's or a server's.
pub(crate) struct Peer {
    io: Box<dyn Io>,
    decoder: Decoder<'static>,
    streams: BTreeMap<u32, Stream>,
    /// A header block that is to be continued.
    block: Option<Frame>,
    /// What may be sent on the connection.
    pub(crate) credit: i64,
    /// The last streams that GOAWAYs named, and their reasons.
    pub(crate) goaways: Vec<(u32, u32)>,
    /// Whether PINGs are answered.
    pub(crate) answers_pings: bool,
    pub(crate) pings: Vec<Frame>,
}

/// What has come on a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// Headers, and trailers if there are any.
    pub(crate) blocks: Vec<Vec<(String, String)>>,
    pub(crate) data: Vec<u8>,
    pub(crate) end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stream,
    Reset(u32),
    /// With its connection.
    Connection,
}

impl Stream {
    /// The last value of a header or trailer.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.blocks.iter().flatten().rev();
        fields.find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.get("grpc-status")
    }

    /// The messages that have come as a whole.
    pub(crate) fn messages<M: Message + Default>(&self) -> Vec<M> {
        let (mut rest, mut messages) = (&self.data[..], Vec::new());
        while let [0, a, b, c, d, tail @ ..] = rest {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            let Some(message) = tail.get(..length) else { break };
            messages.push(M::decode(message).unwrap());
            rest = &tail[length..];
        }
        messages
    }
}

impl Peer {
    fn tcp(io: TcpStream) -> Self {
        io.set_nodelay(true).unwrap();
        Self::new(io)
    }

    fn new(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self {
            io: Box::new(io),
            decoder: Decoder::new(),
            streams: BTreeMap::new(),
            block: None,
            credit: 65_535,
            goaways: Vec::new(),
            answers_pings: true,
            pings: Vec::new(),
        }
    }

    /// Sends frames in one go, unless the connection is closed.
    pub(crate) async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.encode()).collect();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        // What is expected after that does not come when it was not sent.
        let _ = timeout(LONG, self.io.write_all(bytes)).await.expect("the peer takes what is sent");
    }

    /// The next frame; none when the connection is closed.
    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; HEAD];
        let io = &mut self.io;
        let read = async {
            io.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            io.read_exact(&mut payload).await.ok()?;
            Some(payload)
        };
        let payload = timeout(LONG, read).await.expect("a frame, or the connection's end")?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Takes the next frame in; nothing is left to take when the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        let Some(frame) = self.read().await else {
            for stream in self.streams.values_mut() {
                stream.end.get_or_insert(End::Connection);
            }
            return None;
        };
        match frame.kind {
            DATA => {
                let data = unpadded(&frame).to_vec();
                self.stream(frame.stream).data.extend(data);
            }
            HEADERS => {
                self.block = Some(Frame { payload: unpadded(&frame).to_vec(), ..frame.clone() });
            }
            CONTINUATION => {
                let block = self.block.as_mut().expect("headers to go on with");
                block.payload.extend(&frame.payload);
                block.flags |= frame.flags;
            }
            RST_STREAM => self.stream(frame.stream).end = Some(End::Reset(frame.number(0))),
            SETTINGS if !frame.has(ACK) => self.send([Frame::new(SETTINGS, ACK, 0, [])]).await,
            PING if !frame.has(ACK) => {
                self.pings.push(frame.clone());
                if self.answers_pings {
                    self.pong(&frame).await;
                }
            }
            GOAWAY => self.goaways.push((frame.number(0), frame.number(4))),
            WINDOW_UPDATE if frame.stream == 0 => self.credit += i64::from(frame.number(0)),
            _ => {}
        }
        self.end_block();
        if frame.kind == DATA && frame.has(END_STREAM) {
            self.stream(frame.stream).end = Some(End::Stream);
        }
        Some(frame)
    }

    pub(crate) async fn pong(&mut self, ping: &Frame) {
        self.send([Frame::new(PING, ACK, 0, ping.payload.clone())]).await;
    }

    fn end_block(&mut self) {
        let Some(block) = self.block.take_if(|block| block.has(END_HEADERS)) else { return };
        let fields = self.decoder.decode(&block.payload).expect("HPACK");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII");
        let fields = fields.into_iter().map(|(name, value)| (text(name), text(value)));
        let fields = fields.collect();
        let stream = self.stream(block.stream);
        stream.blocks.push(fields);
        if block.has(END_STREAM) {
            stream.end = Some(End::Stream);
        }
    }

    pub(crate) fn stream(&mut self, stream: u32) -> &mut Stream {
        self.streams.entry(stream).or_default()
    }

    /// Receives until `holds` of a stream, or its end.
    pub(crate) async fn until(&mut self, stream: u32, holds: impl Fn(&Stream) -> bool) -> Stream {
        loop {
            let seen = self.stream(stream);
            if seen.end.is_some() || holds(seen) {
                return seen.clone();
            }
            self.receive().await;
        }
    }

    /// Receives until a stream ends.
    pub(crate) async fn ended(&mut self, stream: u32) -> Stream {
        self.until(stream, |_| false).await
    }

    /// Receives until the connection is closed.
    pub(crate) async fn closed(&mut self) {
        while self.receive().await.is_some() {}
    }

    /// Receives until there is a stream that has begun; its number.
    pub(crate) async fn begun(&mut self, stream: u32) -> Stream {
        self.until(stream, |stream| !stream.blocks.is_empty()).await
    }

    /// Waits until everything that was sent so far has been looked at.
    pub(crate) async fn settled(&mut self) {
        let ping = Frame::new(PING, 0, 0, *b"settled?");
        self.send([ping.clone()]).await;
        let answer = Frame { flags: ACK, ..ping };
        while self.receive().await.expect("an answer to PING") != answer {}
    }
}

/// The payload of DATA or HEADERS.
fn unpadded(frame: &Frame) -> &[u8] {
    let mut payload = &frame.payload[..];
    let mut padding = 0;
    if frame.has(PADDED) {
        padding = usize::from(payload[0]);
        payload = &payload[1..];
    }
    if frame.kind == HEADERS && frame.has(WITH_PRIORITY) {
        payload = &payload[5..];
    }
    &payload[..payload.len() - padding]
}

/// A client by hand.
impl Peer {
    /// Connects to our server with the default settings.
    pub(crate) async fn of_server(station: &Station) -> Self {
        Self::of(Server::new(), station, &[]).await
    }

    /// Connects to `server` with a station, and sends `settings`.
    pub(crate) async fn of(server: Server, station: &Station, settings: &[(u16, u32)]) -> Self {
        let (listener, address) = listen().await;
        let server = server.add_service(TelemetryServer::new(station.clone()));
        tokio::spawn(server.serve_listener(listener));
        Self::connect(address, settings).await
    }

    pub(crate) async fn connect(address: std::net::SocketAddr, settings: &[(u16, u32)]) -> Self {
        Self::tcp(TcpStream::connect(address).await.unwrap()).begin_as_client(settings).await
    }

    /// The client's end of `io`.
    pub(crate) async fn client(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: &[(u16, u32)],
    ) -> Self {
        Self::new(io).begin_as_client(settings).await
    }

    async fn begin_as_client(mut self, settings: &[(u16, u32)]) -> Self {
        self.send_bytes(PREFACE).await;
        self.send([Frame::settings(settings)]).await;
        self
    }

    /// Makes a call that goes well.
    pub(crate) async fn is_served(&mut self, stream: u32) {
        let query = message(&crate::station::query("a", 3));
        self.send([call(stream, "Latest"), Frame::data(stream, query).ends()]).await;
        let answer = self.ended(stream).await;
        assert_eq!(answer.status(), Some("0"), "{answer:?}");
        let points = answer.messages::<crate::telemetry::Point>();
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].series, "xxx");
    }
}

pub(crate) use super::frame::message;

/// The fields of a call.
pub(crate) fn fields(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "station"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
}

/// The headers of a call.
pub(crate) fn call(stream: u32, method: &str) -> Frame {
    Frame::headers(stream, &fields(&format!("/telemetry.Telemetry/{method}")))
}

impl Peer {
    /// The server's end of `io`, once the client has begun with HTTP/2.
    pub(crate) async fn server(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: &[(u16, u32)],
    ) -> Self {
        Self::new(io).begin_as_server(settings).await
    }

    async fn begin_as_server(mut self, settings: &[(u16, u32)]) -> Self {
        let mut preface = [0; PREFACE.len()];
        self.io.read_exact(&mut preface).await.unwrap();
        assert_eq!(preface, PREFACE);
        self.send([Frame::settings(settings)]).await;
        self
    }
}

/// A server by hand, for our client.
pub(crate) struct RawServer {
    listener: TcpListener,
    pub(crate) client: TelemetryClient,
}

impl RawServer {
    pub(crate) async fn start() -> Self {
        let (listener, address) = listen().await;
        let channel = Channel::connect_lazy(format!("http://{address}")).unwrap();
        Self { listener, client: TelemetryClient::new(channel) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The same, called through `channel`.
    pub(crate) fn with(self, channel: Channel) -> Self {
        Self { client: TelemetryClient::new(channel), ..self }
    }

    /// The next connection, once the client has begun with HTTP/2.
    pub(crate) async fn accept(&self, settings: &[(u16, u32)]) -> Peer {
        let accepted = timeout(LONG, self.listener.accept()).await.expect("a connection");
        Peer::tcp(accepted.unwrap().0).begin_as_server(settings).await
    }
}

/// The headers of an answer.
pub(crate) fn head(stream: u32) -> Frame {
    Frame::headers(stream, &[(":status", "200"), ("content-type", "application/grpc")])
}

/// The trailers of a call that went well.
pub(crate) fn ok(stream: u32) -> Frame {
    Frame::headers(stream, &[("grpc-status", "0")]).ends()
}

/// All of an answer that has a point of `series`.
pub(crate) fn answer(stream: u32, series: &str) -> [Frame; 3] {
    let point = message(&crate::station::point(series));
    [head(stream), Frame::data(stream, point), ok(stream)]
}
