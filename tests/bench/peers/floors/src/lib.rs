//! What both floors share: the sockets, and payloads that nobody encodes.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::net::TcpStream;

/// Serves every connection in a task of its own.
///
/// # Panics
/// When the listener fails.
pub async fn serve<F>(listener: TcpListener, connection: fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        tokio::spawn(connection(socket));
    }
}

/// A connection to the server.
///
/// # Panics
/// When there is none.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).await.expect("a connection");
    socket.set_nodelay(true).expect("a socket");
    socket
}

/// Two numbers, in as many bytes as a message of gRPC takes for them.
pub fn operands(a: i32, b: i32) -> Bytes {
    let mut payload = BytesMut::with_capacity(9);
    payload.put_u8(0);
    payload.put_i32(a);
    payload.put_i32(b);
    payload.freeze()
}

/// The sum of what came back.
///
/// # Panics
/// When that is not what [`operands`] has written.
pub fn sum(payload: &[u8]) -> i32 {
    let number = |at: usize| payload[at..at + 4].try_into().map(i32::from_be_bytes);
    assert_eq!(payload.len(), 9);
    number(1).expect("four bytes").wrapping_add(number(5).expect("four bytes"))
}
