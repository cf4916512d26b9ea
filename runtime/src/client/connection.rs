//! One connection to a server.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use h2::{
    SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::Request;
use tokio::sync::Notify;

use super::{builder::Options, connector::Io};
use crate::wire::{h2::SEND_BUFFER, keep_alive::KeepAlive, load::Load, memory};

/// A connection that is up, or was.
pub(super) struct Connection {
    /// Locked for no longer than it takes to hand over a request.
    requests: Mutex<SendRequest<Bytes>>,
    load: Arc<Load>,
}

impl Connection {
    /// Begins HTTP/2 on `io`, and waits until the server has begun, too: a call that is sent before
    /// may be lost, and nobody can tell. `changed` is told when there is room for calls again, or
    /// never.
    pub(super) async fn open(
        io: Box<dyn Io>,
        options: &Options,
        changed: Arc<Notify>,
    ) -> io::Result<Self> {
        memory::keep();
        let sizes = options.sizes;
        let (requests, h2) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(sizes.stream_window)
            .initial_connection_window_size(sizes.connection_window)
            .max_frame_size(sizes.max_frame_size)
            .max_header_list_size(sizes.max_header_list_size)
            .data_frame_budget(sizes.data_frame_budget())
            .max_send_buffer_size(SEND_BUFFER)
            .initial_max_send_streams(0)
            // A limit of errors for the life of a connection protects servers: the calls of a client
            // are its own.
            .max_local_error_reset_streams(None)
            .handshake(io)
            .await
            .map_err(io::Error::other)?;
        let load = Arc::new(Load::new(changed));
        tokio::spawn(drive(Driver::new(h2, Arc::clone(&load), options)));
        load.opened().await?;
        Ok(Self { requests: Mutex::new(requests), load })
    }

    pub(super) fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Sends the head of a request.
    pub(super) fn send(
        &self,
        request: Request<()>,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is queued, because the server has just lowered its limit, keeps others from
        // being queued through the same handle.
        match requests.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ready) => ready.and_then(|()| requests.send_request(request, false)),
            Poll::Pending => requests.clone().send_request(request, false),
        }
    }
}

/// Does the work of a connection.
struct Driver {
    h2: h2::client::Connection<Box<dyn Io>, Bytes>,
    load: Arc<Load>,
    keep_alive: Option<KeepAlive>,
    ping_while_idle: bool,
}

impl Driver {
    fn new(
        h2: h2::client::Connection<Box<dyn Io>, Bytes>,
        load: Arc<Load>,
        options: &Options,
    ) -> Self {
        let keep_alive = KeepAlive::new(options.keep_alive);
        Self { h2, load, keep_alive, ping_while_idle: options.keep_alive_while_idle }
    }

    /// Ready when the connection is closed, or dead.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::future::Future::poll(Pin::new(&mut self.h2), cx).is_ready() {
            return Poll::Ready(());
        }
        self.load.set_limit(self.h2.max_concurrent_send_streams());
        let quiet = self.load.is_idle() && !self.ping_while_idle;
        match &mut self.keep_alive {
            Some(keep_alive) => keep_alive.poll_dead(quiet, || self.h2.ping_pong(), cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for Driver {
    /// Also when the runtime that it ran on ends.
    fn drop(&mut self) {
        self.load.close();
    }
}

async fn drive(mut driver: Driver) {
    poll_fn(|cx| driver.poll(cx)).await;
}
