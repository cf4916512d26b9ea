//! Reads what a client begins with, and answers one that does not speak HTTP/2.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::h2::frame_inspector::CLIENT_PREFACE;

/// Sent to peers that do not speak HTTP/2, for people to read.
const TEXT: &str = "This port serves gRPC, which takes HTTP/2: see https://grpc.io. A client that was \
                    to speak HTTP/2 here has to begin with it at once, without an upgrade from \
                    HTTP/1.1.\n";

/// Sent to peers that speak TLS where none is expected. They recognize by the first byte that this is none.
const TEXT_FOR_TLS: &str =
    "This port serves gRPC, over HTTP/2 without TLS: use an address with http://.\n";

/// How a handshake of TLS begins: the type of its record, and the major version.
const TLS_HANDSHAKE: &[u8] = &[22, 3];

/// What a client begins with.
pub(crate) enum Greeting {
    /// The connection preface of HTTP/2.
    Http2,
    /// These bytes, with which HTTP/2 does not begin.
    Other(Bytes),
}

impl Greeting {
    /// Reads no more than is needed to tell.
    ///
    /// # Errors
    /// Those of `io`, and its end.
    pub(crate) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut received = [0; CLIENT_PREFACE.len()];
        let mut filled = 0;
        while filled < received.len() {
            let read = io.read(&mut received[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if received[..filled] != CLIENT_PREFACE[..filled] {
                return Ok(Self::Other(Bytes::copy_from_slice(&received[..filled])));
            }
        }
        Ok(Self::Http2)
    }
}

/// Whether `greeting` is that of a client that speaks TLS.
pub(crate) fn is_tls(greeting: &[u8]) -> bool {
    greeting.starts_with(TLS_HANDSHAKE)
}

/// Answers a client with this `greeting` that the port takes HTTP/2. Returns why the connection is of no further use.
pub(crate) async fn refuse(io: &mut (impl AsyncWrite + Unpin), greeting: &[u8]) -> io::Error {
    match io.write_all(answer(greeting).as_bytes()).await {
        Ok(()) => io::ErrorKind::InvalidData.into(),
        Err(error) => error,
    }
}

/// See [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.6).
fn answer(greeting: &[u8]) -> String {
    let text = if is_tls(greeting) { TEXT_FOR_TLS } else { TEXT };
    let body = if greeting.starts_with(b"HEAD ") { "" } else { text };
    format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        text.len()
    )
}
