//! A client of HTTP/1.1 that sends what it is told to, and shows what it receives.

use http::{HeaderMap, HeaderName, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream},
    time::timeout,
};

use super::SECOND;

/// In virtual time: whoever waits longer waits for ever.
const LONG: u32 = 10_000;

pub(super) struct Raw<Io = DuplexStream> {
    io: Io,
    /// What has been received and not been looked at.
    received: Vec<u8>,
}

/// The status and the headers of a response.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl Head {
    /// The header `name`, or nothing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The messages in a body of gRPC-Web, and the lines of its trailers.
pub(super) struct WebBody {
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) trailers: String,
}

impl WebBody {
    pub(super) fn parse(mut body: &[u8]) -> Self {
        let mut parsed = Self { messages: Vec::new(), trailers: String::new() };
        while let [flag, a, b, c, d, rest @ ..] = body {
            let (part, after) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            match flag {
                0 => parsed.messages.push(part.to_vec()),
                _ => parsed.trailers = String::from_utf8(part.to_vec()).unwrap(),
            }
            body = after;
        }
        assert!(body.is_empty(), "{body:?}");
        parsed
    }

    pub(super) fn has_status(&self, code: &str) {
        assert!(self.trailers.contains(&format!("grpc-status: {code}\r\n")), "{}", self.trailers);
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Raw<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self { io, received: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(LONG * SECOND, self.io.write_all(bytes.as_ref())).await.expect("room").unwrap();
    }

    /// The head of the next response.
    pub(super) async fn head(&mut self) -> Head {
        let text = String::from_utf8(self.until(b"\r\n\r\n").await).unwrap();
        let (first, lines) = text.split_once("\r\n").unwrap();
        let code = first.strip_prefix("HTTP/1.1 ").expect(first);
        let mut headers = HeaderMap::new();
        for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Head { status: code[..3].parse().unwrap(), headers }
    }

    /// The next chunk of a body, which is empty at the end of it.
    pub(super) async fn chunk(&mut self) -> Vec<u8> {
        let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).expect(&size);
        let mut chunk = self.take(size + 2).await;
        assert_eq!(chunk.split_off(size), b"\r\n");
        chunk
    }

    /// The next response, with all of its body.
    pub(super) async fn response(&mut self) -> (Head, Vec<u8>) {
        let head = self.head().await;
        let mut body = Vec::new();
        match head.get("content-length") {
            "" => loop {
                match self.chunk().await {
                    chunk if chunk.is_empty() => break,
                    chunk => body.extend(chunk),
                }
            },
            length => body = self.take(length.parse().unwrap()).await,
        }
        (head, body)
    }

    /// The next response, of gRPC-Web.
    pub(super) async fn web_response(&mut self) -> WebBody {
        let (head, body) = self.response().await;
        assert_eq!(head.status, 200);
        WebBody::parse(&body)
    }

    /// What is received until the server closes the connection.
    pub(super) async fn closed(mut self) -> Vec<u8> {
        while self.read().await > 0 {}
        self.received
    }

    /// What is received up to and with `end`.
    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.received.windows(end.len()).position(|window| window == end);
            if let Some(position) = found {
                return self.take(position + end.len()).await;
            }
            assert!(self.read().await > 0, "{}", String::from_utf8_lossy(&self.received));
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(self.read().await > 0, "{} bytes of {length}", self.received.len());
        }
        self.received.drain(..length).collect()
    }

    async fn read(&mut self) -> usize {
        let read = self.io.read_buf(&mut self.received);
        timeout(LONG * SECOND, read).await.expect("an answer, or the end").unwrap()
    }
}
