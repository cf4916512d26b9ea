//! One HTTP/2 connection to a server.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use h2::Reason;

use super::{
    call_state::{OutboundRequest, RequestSender},
    pending_call::PendingResponse,
    queue::{Queue, Work},
};
use crate::{
    call::panics::catch_panic,
    h2::{
        io::{AsyncIo, ConnectionIo, IoHandle},
        keep_alive::{ChannelKeepAlive, KeepAlive},
        peer_settings::PeerSettings,
        receive_window::ReceiveWindow,
        stream::{Http2Limits, SEND_BUFFER},
        stream_limiter::StreamLimiter,
    },
    protocol::header_list,
};

/// The options of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientConnectionOptions {
    pub(crate) limits: Http2Limits,
    /// Whether to send keepalive PINGs while there are no calls.
    pub(crate) ping_while_idle: bool,
}

/// A subchannel's handle of a connection. Dropping it closes the connection after its last call.
pub(crate) struct ConnectionHandle {
    queue: Arc<Queue>,
    streams: Arc<StreamLimiter>,
    settings: Arc<PeerSettings>,
}

impl ConnectionHandle {
    /// Performs the HTTP/2 handshake on `io`, and waits for the server's SETTINGS: a call sent earlier
    /// might be lost with no way to tell. Dropping the future drops the connection. If the server has
    /// already closed the connection gracefully, this succeeds with a closed connection.
    pub(crate) async fn handshake(
        io: Box<dyn AsyncIo>,
        options: ClientConnectionOptions,
        streams: Arc<StreamLimiter>,
        channel_keep_alive: Arc<ChannelKeepAlive>,
    ) -> io::Result<Self> {
        let mut driver = Driver::new(io, options, Arc::clone(&streams), channel_keep_alive).await?;
        let queue = Arc::clone(&driver.guard.queue);
        let waker = Waker::from(Arc::clone(&queue.task_waker));
        let is_over = poll_fn(|cx| {
            let polled = queue.task_waker.poll(&waker, cx, |cx| driver.poll(cx));
            match (streams.limit(), polled) {
                (0, Poll::Pending) => Poll::Pending,
                (1.., Poll::Pending) => Poll::Ready(Ok(false)),
                (1.., Poll::Ready(())) if driver.was_closed_gracefully() => Poll::Ready(Ok(true)),
                (_, Poll::Ready(())) => Poll::Ready(Err(driver.handshake_error())),
            }
        })
        .await?;
        let settings = Arc::clone(driver.io.settings());
        if !is_over {
            tokio::spawn(drive(driver));
        }
        Ok(Self { queue, streams, settings })
    }

    pub(crate) fn streams(&self) -> &Arc<StreamLimiter> {
        &self.streams
    }

    /// The server's settings.
    pub(crate) fn settings(&self) -> &Arc<PeerSettings> {
        &self.settings
    }

    /// Queues a call for the connection's task.
    pub(crate) fn send(&self, request: OutboundRequest) -> PendingResponse {
        PendingResponse::new(request, &self.queue)
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.queue.release();
    }
}

/// Drives a connection. It runs on the connection's task.
struct Driver {
    h2: h2::client::Connection<ConnectionIo<Box<dyn AsyncIo>>, Bytes>,
    io: IoHandle<Box<dyn AsyncIo>>,
    window: ReceiveWindow,
    /// The waker that h2 is polled with.
    waker: Waker,
    /// None once no more calls will come.
    send_request: Option<RequestSender>,
    keep_alive: Option<KeepAlive>,
    ping_while_idle: bool,
    /// Shared by all connections of the channel.
    channel_keep_alive: Arc<ChannelKeepAlive>,
    /// The error that h2 has ended with.
    error: Option<h2::Error>,
    /// Declared last, so that it is dropped after `h2`, which fails all open calls when dropped.
    guard: ConnectionGuard,
}

impl Driver {
    async fn new(
        io: Box<dyn AsyncIo>,
        options: ClientConnectionOptions,
        streams: Arc<StreamLimiter>,
        channel_keep_alive: Arc<ChannelKeepAlive>,
    ) -> io::Result<Self> {
        let ClientConnectionOptions { limits, ping_while_idle } = options;
        let (h2_io, io) = ConnectionIo::of_client(io);
        let (send_request, h2) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(limits.stream_window)
            .initial_connection_window_size(limits.connection_window)
            .max_frame_size(limits.max_frame_size)
            .max_header_list_size(header_list::engine_response_limit(limits.max_header_list_size))
            .data_frame_budget(limits.data_frame_budget())
            .max_send_buffer_size(SEND_BUFFER)
            .initial_max_send_streams(0)
            // This limit protects servers from their clients. A client's resets are its own.
            .max_local_error_reset_streams(None)
            .handshake(h2_io)
            .await
            .map_err(io::Error::other)?;
        let window = ReceiveWindow::new(limits.connection_window, limits.max_unread);
        let queue = Queue::new(Arc::clone(window.streams()));
        Ok(Self {
            h2,
            io,
            window,
            waker: queue.task_waker.h2_waker(),
            send_request: Some(send_request),
            keep_alive: KeepAlive::new(channel_keep_alive.get(), streams.socket()),
            channel_keep_alive,
            error: None,
            ping_while_idle,
            guard: ConnectionGuard { work: Work::default(), queue, streams, is_broken: false },
        })
    }

    /// Ready when the connection is closed, its peer is dead, or a panic has broken it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        catch_panic(|| self.advance(cx)).unwrap_or_else(|_| {
            self.guard.is_broken = true;
            Poll::Ready(())
        })
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ConnectionGuard { work, queue, streams, .. } = &mut self.guard;
        // h2 first: until pending resets are written, they still occupy streams that new calls need.
        if queue.task_waker.take_h2() {
            let polled = poll_h2(&mut self.h2, &self.waker);
            // Set even if h2 has ended: the server's SETTINGS may have arrived in the same poll.
            streams.set_limit(self.h2.max_concurrent_send_streams());
            if let Poll::Ready(ended) = polled {
                self.error = ended.err();
                if let Some(keep_alive) = &self.keep_alive {
                    keep_alive.note_end(self.io.goaway(), &self.channel_keep_alive);
                }
                return Poll::Ready(());
            }
        }
        queue.run(work, &mut self.send_request, self.io.is_stalled());
        // After `run` has passed responses on to callers: only then are they tracked as unread.
        if let Some(size) = self.window.update(self.io.received()) {
            self.h2.set_target_window_size(size);
            queue.task_waker.wake_h2();
        }
        let Some(keep_alive) = &mut self.keep_alive else { return Poll::Pending };
        let quiet = streams.calls() == 0 && !self.ping_while_idle;
        let pings = || {
            // h2 has to poll its new PING handle once.
            queue.task_waker.wake_h2();
            self.h2.ping_pong()
        };
        ready!(keep_alive.poll_dead(quiet, pings, cx));
        // Makes h2 fail, which fails all calls with this reason.
        self.io.fail(keep_alive.no_answer());
        drop(poll_h2(&mut self.h2, &self.waker));
        Poll::Ready(())
    }

    /// Whether the server has closed the connection gracefully, as for its age or on shutdown.
    fn was_closed_gracefully(&self) -> bool {
        let goaway = self.io.goaway();
        goaway.map_or(self.error.is_none(), |goaway| goaway.reason == Reason::NO_ERROR)
    }

    /// Why the handshake failed.
    fn handshake_error(&mut self) -> io::Error {
        match self.error.take() {
            Some(error) => io::Error::other(error),
            None => io::Error::other(
                "the server closed the connection before it said anything: does it speak HTTP/2?",
            ),
        }
    }
}

fn poll_h2(
    h2: &mut h2::client::Connection<ConnectionIo<Box<dyn AsyncIo>>, Bytes>,
    waker: &Waker,
) -> Poll<Result<(), h2::Error>> {
    Pin::new(h2).poll(&mut Context::from_waker(waker))
}

/// Ends what is left of a connection when its task ends, even if that is because its runtime shuts down.
struct ConnectionGuard {
    work: Work,
    queue: Arc<Queue>,
    streams: Arc<StreamLimiter>,
    /// Whether something has panicked. h2's lock is most likely poisoned then, so h2 cannot fail its
    /// calls.
    is_broken: bool,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.streams.close();
        self.streams.socket().close();
        if self.is_broken {
            self.work.abort();
            self.queue.unread.abort();
        }
        self.queue.close(&mut self.work);
    }
}

async fn drive(mut driver: Driver) {
    let task_waker = Arc::clone(&driver.guard.queue.task_waker);
    let waker = Waker::from(Arc::clone(&task_waker));
    poll_fn(|cx| task_waker.poll(&waker, cx, |cx| driver.poll(cx))).await;
}
