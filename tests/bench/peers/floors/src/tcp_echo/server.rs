//! Every frame back as it came, all that were read together in one write.

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::frame;

pub(crate) async fn connection(mut socket: TcpStream) {
    let mut read = BytesMut::with_capacity(frame::BATCH);
    let mut out = BytesMut::with_capacity(frame::BATCH);
    while socket.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
        while let Some((id, payload)) = frame::take(&mut read) {
            frame::put(&mut out, id, &payload);
        }
        if socket.write_all(&out).await.is_err() {
            return;
        }
        out.clear();
    }
}
