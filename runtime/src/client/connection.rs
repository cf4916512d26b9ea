//! One connection to a server.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::Notify;

use super::{
    builder::Options,
    connector::Io,
    exchange::{Answering, Outbound},
    queue::{Queue, Work},
};
use crate::wire::{h2::SEND_BUFFER, keep_alive::KeepAlive, load::Load, memory};

/// A connection that is up, or was.
pub(super) struct Connection {
    queue: Arc<Queue>,
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
        let queue = Queue::new();
        let driver = Driver {
            h2,
            waker: queue.wakes.h2_waker(),
            requests: Some(requests),
            keep_alive: KeepAlive::new(options.keep_alive),
            ping_while_idle: options.keep_alive_while_idle,
            work: Work::default(),
            ending: Ending { queue: Arc::clone(&queue), load: Arc::clone(&load) },
        };
        tokio::spawn(drive(Arc::clone(&queue), driver));
        load.opened().await?;
        Ok(Self { queue, load })
    }

    pub(super) fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Hands over a call.
    pub(super) fn send(&self, outbound: Outbound) -> Answering {
        Answering::new(outbound, &self.queue)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.queue.release();
    }
}

/// Does the work of a connection.
struct Driver {
    h2: h2::client::Connection<Box<dyn Io>, Bytes>,
    /// What HTTP/2 wakes this by.
    waker: Waker,
    /// None when no more calls will come.
    requests: Option<SendRequest<Bytes>>,
    keep_alive: Option<KeepAlive>,
    ping_while_idle: bool,
    work: Work,
    /// Dropped behind HTTP/2, which tells all calls of its end.
    ending: Ending,
}

impl Driver {
    /// Ready when the connection is closed, or dead.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Ending { queue, load } = &self.ending;
        queue.run(&mut self.work, &mut self.requests);
        if queue.wakes.take_h2() {
            if Pin::new(&mut self.h2).poll(&mut Context::from_waker(&self.waker)).is_ready() {
                return Poll::Ready(());
            }
            load.set_limit(self.h2.max_concurrent_send_streams());
        }
        let Some(keep_alive) = &mut self.keep_alive else { return Poll::Pending };
        let quiet = load.is_idle() && !self.ping_while_idle;
        let pings = || {
            // It has to look at what it gives out.
            queue.wakes.wake_h2();
            self.h2.ping_pong()
        };
        keep_alive.poll_dead(quiet, pings, cx)
    }
}

/// What is left to do when a connection ends, also when the runtime ends that it ran on.
struct Ending {
    queue: Arc<Queue>,
    load: Arc<Load>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.load.close();
        self.queue.close();
    }
}

async fn drive(queue: Arc<Queue>, mut driver: Driver) {
    let waker = Waker::from(Arc::clone(&queue.wakes));
    poll_fn(|cx| queue.wakes.poll(&waker, cx, |cx| driver.poll(cx))).await;
}
