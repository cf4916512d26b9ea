//! What a call costs over bare TCP: frames with an identifier, written in batches.

mod client;
mod frame;
mod server;

use std::net::{SocketAddr, TcpListener};

use bench_load::Peer;
use bytes::Bytes;

use client::Client;

#[derive(Clone)]
struct TcpEcho(Client);

impl Peer for TcpEcho {
    async fn serve(listener: TcpListener) {
        bench_floors::serve(listener, server::connection).await;
    }

    async fn connect(address: SocketAddr) -> Self {
        Self(Client::new(bench_floors::connect(address).await))
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        bench_floors::sum(&self.0.call(bench_floors::operands(a, b)).await)
    }

    async fn echo(&self, data: Bytes) -> usize {
        self.0.call(data).await.len()
    }
}

fn main() {
    bench_load::run::<TcpEcho>();
}
