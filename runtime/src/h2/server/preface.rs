//! Reads the client's connection preface, and answers clients that do not speak HTTP/2.

use std::io;

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

/// Reads the HTTP/2 connection preface. Answers a client that sends anything else.
///
/// # Errors
/// If the client does not send the preface.
pub(crate) async fn read(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let mut received = [0; CLIENT_PREFACE.len()];
    let mut filled = 0;
    while filled < received.len() {
        let read = io.read(&mut received[filled..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if received[..filled] != CLIENT_PREFACE[..filled] {
            io.write_all(answer(&received[..filled]).as_bytes()).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(())
}

/// See [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.6).
fn answer(request: &[u8]) -> String {
    let text = if request.starts_with(TLS_HANDSHAKE) { TEXT_FOR_TLS } else { TEXT };
    let body = if request.starts_with(b"HEAD ") { "" } else { text };
    format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        text.len()
    )
}
