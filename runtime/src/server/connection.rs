//! One connection: its calls, and the reasons to end it.

use std::{
    any::Any,
    future::{Future as _, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::Reason;
use http::Extensions;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Sleep},
};

use super::{
    calls::Calls, drain::Drain, options::ServerOptions, ping_strikes::PingStrikes, preface,
    routes::Routes, serve::before, slow_methods::SlowMethods,
};
use crate::wire::{
    frame_counter::CLIENT_PREFACE,
    goaway::GoAway,
    h2::SEND_BUFFER,
    header_list,
    io::{ConnectionIo, IoHandle},
    jitter,
    keep_alive::KeepAlive,
    panics::{contain, drop_quietly},
    receive_window::ReceiveWindow,
    task_waker::TaskWaker,
};

/// Who is on the other side of a TCP connection: in the extensions of every request that comes
/// through one to a [`Server`](crate::Server) with
/// [`connect_info`](crate::Server::connect_info).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectInfo {
    /// Where the server took the connection.
    pub local_addr: SocketAddr,
    /// Where the client is.
    pub remote_addr: SocketAddr,
}

impl ConnectInfo {
    fn of(connection: &dyn Any) -> Option<Self> {
        let tcp: &TcpStream = connection.downcast_ref()?;
        let (local_addr, remote_addr) = (tcp.local_addr().ok()?, tcp.peer_addr().ok()?);
        Some(Self { local_addr, remote_addr })
    }

    pub(super) fn describe(self, extensions: &mut Extensions) {
        #[cfg(feature = "tonic-transport")]
        extensions.insert(tonic::transport::server::TcpConnectInfo {
            local_addr: Some(self.local_addr),
            remote_addr: Some(self.remote_addr),
        });
        extensions.insert(self);
    }
}

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct ServerShared {
    pub(super) routes: Routes,
    pub(super) options: ServerOptions,
    pub(super) slow_methods: SlowMethods,
}

/// Serves `io` until it is closed, by either side. It is to be closed when `shutdown` says so. As long, it
/// takes up a place among the server's connections.
pub(super) async fn serve<IO>(
    io: IO,
    shared: Arc<ServerShared>,
    mut shutdown: watch::Receiver<bool>,
    _place: Option<OwnedSemaphorePermit>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A server that is gone wants the same.
    let shut_down = async { drop(shutdown.wait_for(|shut_down| *shut_down).await) };
    let mut shut_down = pin!(shut_down);
    let info = shared.options.connect_info.then(|| ConnectInfo::of(&io)).flatten();
    let (io, handle) = ConnectionIo::of_server(io);
    let limit = shared.options.handshake_timeout;
    // Apart, as the task would have room for it as long as it lives.
    let handshake = Box::pin(tokio::time::timeout(limit, handshake(io, &shared.options)));
    let h2 = match before(shut_down.as_mut(), handshake).await {
        Some(Ok(Ok(h2))) => h2,
        // It was told why.
        Some(Ok(Err(_))) => return handle.close(None).await,
        // A client that has not begun has no call to lose.
        Some(Err(_)) | None => return,
    };
    let mut connection = ServerConnection::new(h2, &handle, info, shared);
    let task_waker = Arc::clone(&connection.task_waker);
    let mut asked = false;
    let waker = Waker::from(Arc::clone(&task_waker));
    poll_fn(|cx| {
        task_waker.poll(&waker, cx, |cx| {
            let polled = contain(|| {
                if !asked && shut_down.as_mut().poll(cx).is_ready() {
                    asked = true;
                    connection.start_drain(connection.shared.options.shutdown_timeout);
                }
                connection.poll(cx)
            });
            polled.unwrap_or_else(|_| {
                connection.break_off();
                Poll::Ready(())
            })
        })
    })
    .await;
    let goaway = connection.pings_too_often.then(GoAway::too_many_pings);
    drop_quietly(connection);
    if !task_waker.is_broken() {
        handle.close(goaway).await;
    }
}

/// Begins with HTTP/2, when the client has.
async fn handshake<IO>(
    mut io: ConnectionIo<IO>,
    options: &ServerOptions,
) -> io::Result<h2::server::Connection<ConnectionIo<IO>, Bytes>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    preface::read(&mut io).await?;
    io.replay(CLIENT_PREFACE);
    let sizes = options.sizes;
    h2::server::Builder::new()
        .initial_window_size(sizes.stream_window)
        .initial_connection_window_size(sizes.connection_window)
        .max_frame_size(sizes.max_frame_size)
        .max_header_list_size(header_list::taken_of_requests(sizes.max_header_list_size))
        .data_frame_budget(sizes.data_frame_budget())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_pending_accept_reset_streams(MAX_RESETS_A_TURN)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .reset_stream_duration(RESETS_REMEMBERED_FOR)
        .max_local_error_reset_streams(Some(MAX_STRAY_FRAMES))
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(io)
        .await
        .map_err(io::Error::other)
}

/// How much is received before the calls in it are started.
const TURN: usize = 256 * 1024;
/// How many calls of one turn may have been reset: as many as there is room for in it, where a `HEADERS`
/// and a `RST_STREAM` frame take 27 bytes at the least.
const MAX_RESETS_A_TURN: usize = TURN / 27;
/// What the client has sent before it knew of a reset is ignored for so many streams, and for so long.
const REMEMBERED_RESETS: usize = 10_000;
const RESETS_REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// How many frames there may be that belong to no stream, or break its rules, in the life of a
/// connection. Each is answered with a `RST_STREAM` frame, which takes memory until the client reads it.
const MAX_STRAY_FRAMES: usize = 100_000;

/// What connections that are of an age differ by when they are closed.
const AGE_JITTER: f64 = 0.1;

struct ServerConnection<'a, IO> {
    h2: h2::server::Connection<ConnectionIo<IO>, Bytes>,
    io: &'a IoHandle<IO>,
    window: ReceiveWindow,
    /// What HTTP/2 wakes this by.
    waker: Waker,
    calls: Calls,
    shared: Arc<ServerShared>,
    task_waker: Arc<TaskWaker>,
    keep_alive: Option<KeepAlive>,
    ping_strikes: PingStrikes,
    /// Whether it ends because the client does.
    pings_too_often: bool,
    idle: Option<Pin<Box<Sleep>>>,
    last_call: Instant,
    age: Option<Pin<Box<Sleep>>>,
    drain: Drain,
}

impl<'a, IO: AsyncRead + AsyncWrite + Unpin> ServerConnection<'a, IO> {
    fn new(
        h2: h2::server::Connection<ConnectionIo<IO>, Bytes>,
        io: &'a IoHandle<IO>,
        info: Option<ConnectInfo>,
        shared: Arc<ServerShared>,
    ) -> Self {
        let timer = |time: Option<Duration>| time.map(|time| Box::pin(tokio::time::sleep(time)));
        let options = &shared.options;
        let window = ReceiveWindow::new(options.sizes.connection_window, options.sizes.max_unread);
        let task_waker = TaskWaker::new();
        let calls =
            Calls::new(info, Arc::clone(&shared), Arc::clone(&task_waker), window.streams());
        Self {
            keep_alive: KeepAlive::new(options.keep_alive),
            ping_strikes: PingStrikes::new(options.ping_policy),
            pings_too_often: false,
            idle: timer(options.max_connection_idle),
            age: timer(options.max_connection_age.map(|age| jitter::around(age, AGE_JITTER))),
            last_call: Instant::now(),
            drain: Drain::default(),
            calls,
            waker: task_waker.h2_waker(),
            task_waker,
            window,
            h2,
            io,
            shared,
        }
    }

    /// Takes no more calls, and ends with the last one, but no later than after `grace`.
    fn start_drain(&mut self, grace: Option<Duration>) {
        self.h2.graceful_shutdown();
        self.task_waker.wake_h2();
        self.idle = None;
        self.drain.start(grace);
    }

    /// Ready when the connection is closed, or to be closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_idle(cx);
        self.poll_age(cx);
        if self.poll_calls().is_ready() {
            return Poll::Ready(());
        }
        let pings = || {
            // It has to look at what it gives out.
            self.task_waker.wake_h2();
            self.h2.ping_pong()
        };
        if let Some(keep_alive) = &mut self.keep_alive
            && keep_alive.poll_dead(false, pings, cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.drain.poll(|| self.h2.has_streams(), cx)
    }

    /// Begins to close the connection when it is of its age: also while it is being closed for another
    /// reason, which may let its calls go on for longer.
    fn poll_age(&mut self, cx: &mut Context<'_>) {
        if let Some(age) = &mut self.age
            && age.as_mut().poll(cx).is_ready()
        {
            self.age = None;
            self.start_drain(self.shared.options.max_connection_age_grace);
        }
    }

    /// Closes the connection if it has had no calls for long enough.
    fn poll_idle(&mut self, cx: &mut Context<'_>) {
        let Some(limit) = self.shared.options.max_connection_idle else { return };
        while let Some(idle) = &mut self.idle
            && idle.as_mut().poll(cx).is_ready()
        {
            if self.h2.has_streams() {
                self.last_call = Instant::now();
            }
            let until = self.last_call + limit;
            match until > Instant::now() {
                true => idle.as_mut().reset(until),
                false => self.start_drain(self.shared.options.shutdown_timeout),
            }
        }
    }

    /// Runs the calls that have arrived, and sends what is to be sent.
    fn poll_calls(&mut self) -> Poll<()> {
        loop {
            if self.task_waker.take_h2() && self.poll_h2().is_ready() {
                return Poll::Ready(());
            }
            let ran = self.calls.run();
            // After the calls that have come were started, whose requests are counted from then on.
            if let Some(size) = self.window.update(self.io.received()) {
                self.h2.set_target_window_size(size);
                self.task_waker.wake_h2();
            }
            match ran {
                Some(time) => self.last_call = Instant::from_std(time),
                None => return Poll::Pending,
            }
            if self.calls.are_reset_too_often() {
                self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                self.task_waker.wake_h2();
            }
            if self.task_waker.is_broken() {
                return Poll::Ready(());
            }
        }
    }

    /// Ends all calls: something has panicked, most likely under HTTP/2's lock, and then it can tell nobody.
    fn break_off(&mut self) {
        self.task_waker.break_off();
        self.window.streams().break_off();
        self.calls.break_off();
    }

    /// Receives calls, and sends what is to be sent. Ready when the connection is closed.
    fn poll_h2(&mut self) -> Poll<()> {
        self.io.allow(TURN);
        let cx = &mut Context::from_waker(&self.waker);
        while let Poll::Ready(call) = self.h2.poll_accept(cx) {
            // The client has said it before its first call.
            self.calls.header_limit = self.io.settings().header_limit();
            let Some(Ok(call)) = call else { return Poll::Ready(()) };
            self.calls.push(call);
        }
        let received = self.io.received();
        let has_calls = self.h2.has_streams();
        if self.ping_strikes.are_too_many(received.pings, self.io.sent(), has_calls) {
            self.pings_too_often = true;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_a_connection_takes_little_room() {
        let shared = Arc::new(ServerShared {
            routes: Routes::default(),
            options: ServerOptions::default(),
            slow_methods: SlowMethods::new(),
        });
        let (io, _client) = tokio::io::duplex(1);
        let http2 =
            size_of::<h2::server::Connection<ConnectionIo<tokio::io::DuplexStream>, Bytes>>();
        let task = size_of_val(&serve(io, shared, watch::channel(false).1, None));
        assert!(task < 4 * http2, "{task} bytes, of which HTTP/2 has {http2}");
    }
}
