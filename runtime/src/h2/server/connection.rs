//! One connection: its calls, and the reasons to end it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::Reason;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, Sleep},
};

use super::{
    calls::{Calls, ServerShared},
    drain::{Drain, DrainReason},
    options::ServerConnectionOptions,
    phase::{self, ServerPhase},
    ping_strikes::PingStrikes,
};
use crate::{
    call::panics::{catch_panic, drop_catching_panics},
    channelz::SocketNode,
    connection::connect_info::ConnectInfo,
    h2::{
        frame_inspector::CLIENT_PREFACE,
        goaway::GoAway,
        io::{ConnectionIo, IoHandle},
        jitter,
        keep_alive::KeepAlive,
        receive_window::ReceiveWindow,
        stream::SEND_BUFFER,
        task_waker::TaskWaker,
    },
    protocol::header_list,
};

/// A connection on which HTTP/2 is spoken.
pub(crate) struct Http2Start<Io> {
    pub(crate) h2: Box<Http2<Io>>,
    pub(crate) handle: IoHandle<Io>,
    /// What is known of it, and how it is counted.
    pub(crate) info: Option<ConnectInfo>,
    pub(crate) socket: SocketNode,
}

/// HTTP/2 after its handshake.
pub(crate) type Http2<Io> = h2::server::Connection<ConnectionIo<Io>, Bytes>;

/// Serves the calls of a connection until either side closes it, or `phase` says that it is to be closed.
pub(crate) async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(
    start: Http2Start<Io>,
    shared: Arc<ServerShared>,
    mut phase: watch::Receiver<ServerPhase>,
) {
    let later_phase = phase.clone();
    let mut until_draining = pin!(phase::until_draining(&mut phase));
    let mut is_draining = false;
    let Http2Start { h2, handle, info, socket } = start;
    let mut connection = ServerConnection::new(*h2, &handle, info, shared).counted(&socket);
    let task_waker = Arc::clone(&connection.task_waker);
    let waker = Waker::from(Arc::clone(&task_waker));
    poll_fn(|cx| {
        task_waker.poll(&waker, cx, |cx| {
            let polled = catch_panic(|| {
                if !is_draining && until_draining.as_mut().poll(cx).is_ready() {
                    is_draining = true;
                    connection.shut_down(later_phase.clone());
                }
                connection.poll(cx)
            });
            polled.unwrap_or_else(|_| {
                connection.abort();
                Poll::Ready(())
            })
        })
    })
    .await;
    if let ConnectionEnd::Drained(reason) = connection.end {
        // Boxed: otherwise, the task would reserve space for it for the life of the connection.
        Box::pin(connection.close(reason)).await;
    }
    if task_waker.is_broken() {
        // h2 may be unable to notify them.
        connection.calls.abort();
    }
    socket.close();
    let goaway = (connection.end == ConnectionEnd::TooManyPings).then(GoAway::too_many_pings);
    drop_catching_panics(connection);
    if !task_waker.is_broken() {
        handle.close(goaway).await;
    }
}

/// Performs the HTTP/2 handshake on `io`, on which the client's preface was read.
pub(crate) async fn handshake<Io>(
    mut io: ConnectionIo<Io>,
    options: &ServerConnectionOptions,
) -> io::Result<Http2<Io>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    io.replay(CLIENT_PREFACE);
    let limits = options.limits;
    h2::server::Builder::new()
        .initial_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_frame_size(limits.max_frame_size)
        .max_header_list_size(header_list::engine_request_limit(limits.max_header_list_size))
        .data_frame_budget(limits.data_frame_budget())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_pending_accept_reset_streams(MAX_RESETS_PER_READ)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .reset_stream_duration(RESETS_REMEMBERED_FOR)
        .max_local_error_reset_streams(Some(MAX_STRAY_FRAMES))
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(io)
        .await
        .map_err(io::Error::other)
}

/// How many bytes are read before the calls in them are started.
pub(super) const READ_BUDGET: usize = 256 * 1024;
/// How many unaccepted calls may be reset within one such read: as many as fit, since a HEADERS and a
/// `RST_STREAM` frame take at least 27 bytes. [`Calls`] enforces the configured limit.
const MAX_RESETS_PER_READ: usize = READ_BUDGET / 27;
/// For how many reset streams, and how long, frames are ignored that the client sent before it saw the
/// reset.
const REMEMBERED_RESETS: usize = 10_000;
const RESETS_REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// How many frames on closed or invalid streams a connection may receive in its life. Each is answered
/// with `RST_STREAM`, which takes memory until the client reads it.
const MAX_STRAY_FRAMES: usize = 100_000;

/// The jitter of the connections' maximum age.
pub(crate) const AGE_JITTER: f64 = 0.1;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionEnd {
    /// It is closed already, or nothing on it can go on: something has panicked, or the client answers no keepalive
    /// PING.
    Closed,
    TooManyPings,
    /// It has been drained for long enough; with the reason if calls may be in progress.
    Drained(Option<DrainReason>),
}

pub(super) struct ServerConnection<'a, Io> {
    pub(super) h2: h2::server::Connection<ConnectionIo<Io>, Bytes>,
    pub(super) io: &'a IoHandle<Io>,
    window: ReceiveWindow,
    /// The waker that h2 is polled with.
    pub(super) waker: Waker,
    pub(super) calls: Calls,
    shared: Arc<ServerShared>,
    pub(super) task_waker: Arc<TaskWaker>,
    keep_alive: Option<KeepAlive>,
    ping_strikes: PingStrikes,
    idle: Option<Pin<Box<Sleep>>>,
    last_call: Instant,
    age: Option<Pin<Box<Sleep>>>,
    drain: Drain,
    /// Set once `poll` is ready.
    end: ConnectionEnd,
}

impl<'a, Io: AsyncRead + AsyncWrite + Unpin> ServerConnection<'a, Io> {
    fn new(
        h2: h2::server::Connection<ConnectionIo<Io>, Bytes>,
        io: &'a IoHandle<Io>,
        info: Option<ConnectInfo>,
        shared: Arc<ServerShared>,
    ) -> Self {
        let timer = |time: Option<Duration>| time.map(|time| Box::pin(tokio::time::sleep(time)));
        let options = &shared.options;
        let window =
            ReceiveWindow::new(options.limits.connection_window, options.limits.max_unread);
        let task_waker = TaskWaker::new();
        let calls =
            Calls::new(info, Arc::clone(&shared), Arc::clone(&task_waker), window.streams());
        Self {
            keep_alive: KeepAlive::new(options.keep_alive, &SocketNode::default()),
            ping_strikes: PingStrikes::new(options.ping_policy),
            idle: timer(options.max_connection_idle),
            age: timer(options.max_connection_age.map(|age| jitter::around(age, AGE_JITTER))),
            last_call: Instant::now(),
            drain: Drain::default(),
            end: ConnectionEnd::Closed,
            calls,
            waker: task_waker.h2_waker(),
            task_waker,
            window,
            h2,
            io,
            shared,
        }
    }

    /// Counts its calls and its PINGs on `socket`.
    fn counted(mut self, socket: &SocketNode) -> Self {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.socket = socket.clone();
        }
        self.calls.socket = socket.clone();
        self
    }

    /// Asks the client to make no more calls. The connection ends after its last call.
    fn go_away(&mut self) {
        self.h2.graceful_shutdown();
        self.task_waker.wake_h2();
        self.idle = None;
    }

    /// Drains the connection of a server that shuts down. `phase` may put an end to that.
    fn shut_down(&mut self, phase: watch::Receiver<ServerPhase>) {
        self.go_away();
        self.drain.start(DrainReason::Shutdown, self.shared.options.shutdown_timeout);
        self.drain.end_by(phase::force(phase));
    }

    /// Ready when the connection is closed, or has to be closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_idle(cx);
        self.poll_age(cx);
        if self.poll_calls().is_ready() {
            return Poll::Ready(());
        }
        let pings = || {
            // h2 has to poll its new PING handle once.
            self.task_waker.wake_h2();
            self.h2.ping_pong()
        };
        if let Some(keep_alive) = &mut self.keep_alive
            && keep_alive.poll_dead(false, pings, cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.drain.poll(|| self.h2.has_streams(), cx).map(|reason| {
            self.end = ConnectionEnd::Drained(reason);
        })
    }

    /// Drains the connection when it reaches its maximum age, even if it is already draining: the grace
    /// period of the other reason may be longer.
    fn poll_age(&mut self, cx: &mut Context<'_>) {
        if let Some(age) = &mut self.age
            && age.as_mut().poll(cx).is_ready()
        {
            self.age = None;
            self.go_away();
            self.drain.start(DrainReason::MaxAge, self.shared.options.max_connection_age_grace);
        }
    }

    /// Drains the connection if it has had no calls for long enough.
    fn poll_idle(&mut self, cx: &mut Context<'_>) {
        let Some(limit) = self.shared.options.max_connection_idle else { return };
        while let Some(idle) = &mut self.idle
            && idle.as_mut().poll(cx).is_ready()
        {
            if self.h2.has_streams() {
                self.last_call = Instant::now();
            }
            let until = self.last_call + limit;
            if until > Instant::now() {
                idle.as_mut().reset(until);
            } else {
                self.go_away();
                // A call that the client has made in the meantime may take as long as any other.
                self.drain.start_unlimited();
            }
        }
    }

    /// Starts and resumes calls, and sends what is ready.
    fn poll_calls(&mut self) -> Poll<()> {
        loop {
            if self.task_waker.take_h2() && self.poll_h2().is_ready() {
                return Poll::Ready(());
            }
            let ran = self.calls.run();
            // After new calls were started: only then are their requests tracked as unread.
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

    /// Ends all calls after a panic. h2's lock is most likely poisoned then, so h2 cannot notify them.
    pub(super) fn abort(&mut self) {
        self.task_waker.abort();
        self.window.streams().abort();
        self.calls.abort();
    }

    /// Accepts calls, and writes pending frames. Ready when the connection is closed.
    fn poll_h2(&mut self) -> Poll<()> {
        self.io.allow(READ_BUDGET);
        let cx = &mut Context::from_waker(&self.waker);
        while let Poll::Ready(call) = self.h2.poll_accept(cx) {
            // Read here because the client's SETTINGS arrive before its first call.
            self.calls.header_limit = self.io.settings().header_limit();
            let Some(Ok(call)) = call else { return Poll::Ready(()) };
            self.calls.push(call);
        }
        let received = self.io.received();
        let has_calls = self.h2.has_streams();
        if self.ping_strikes.are_too_many(received.pings, self.io.sent(), has_calls) {
            self.end = ConnectionEnd::TooManyPings;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tokio::io::DuplexStream;

    use super::*;
    use crate::{
        channelz::ServerNode,
        connection::http_service::{HttpService, ServiceFuture},
        h2::server::{preface::Greeting, slow_methods::MethodSlot},
        protocol::{http_body::HttpBody, http_reply::no_service},
    };

    struct Refusing;

    impl HttpService for Refusing {
        fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
            ServiceFuture::Refused(Some(no_service(&request)))
        }
    }

    fn shared(options: ServerConnectionOptions) -> Arc<ServerShared> {
        Arc::new(ServerShared::new(Arc::new(Refusing), options, ServerNode::default()))
    }

    async fn serve_alone(io: DuplexStream, shared: Arc<ServerShared>) {
        let (mut io, handle) = ConnectionIo::of_server(io);
        let greeting = Greeting::read(&mut io).await.unwrap();
        assert!(matches!(greeting, Greeting::Http2));
        let h2 = handshake(io, &shared.options).await.unwrap();
        let h2 = Box::new(h2);
        let start = Http2Start { h2, handle, info: None, socket: SocketNode::default() };
        let (_serving, phase) = watch::channel(ServerPhase::Serving);
        serve(start, shared, phase).await;
    }

    #[tokio::test]
    async fn what_is_refused_says_nothing_of_how_quick_its_method_is() {
        // So long that no call is slow by itself.
        let limit = Duration::from_secs(3600);
        let options = ServerConnectionOptions { inline_limit: limit, ..Default::default() };
        let shared = shared(options);
        let method = shared.slow_methods.of(MethodSlot::of("/s.S/Slow"));
        (0..2).for_each(|_| method.record(limit * 2, limit));
        let (here, there) = tokio::io::duplex(4096);
        tokio::spawn(serve_alone(there, Arc::clone(&shared)));
        let (mut requests, connection) = h2::client::handshake(here).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://server/s.S/Slow").body(()).unwrap();
        requests.send_request(request, true).unwrap().0.await.unwrap();
        method.record(limit * 2, limit);
        assert!(method.is_slow(), "its third slow call in a row");
    }
}
