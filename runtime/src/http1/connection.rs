//! One connection: hyper, and the reasons to end it.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::server::conn::http1;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Sleep, sleep, timeout},
};

use super::{
    call::Http1Service,
    io::Http1Io,
    state::{Activity, Http1State},
};
use crate::{
    call::panics::{catch_panic, drop_catching_panics},
    channelz::SocketNode,
    connection::connect_info::ConnectInfo,
    h2::{
        io::close,
        jitter,
        server::{
            calls::ServerShared,
            close::CLOSE_TIMEOUT,
            connection::AGE_JITTER,
            drain::{Drain, DrainReason},
            options::ServerConnectionOptions,
            phase::{self, ServerPhase},
        },
    },
    protocol::header_list,
};

/// The least that hyper takes for the size of its buffers.
const MIN_BUFFER: usize = 8 * 1024;
/// The most that a connection may hold of a request's head, and of a response that its client does not read, each.
const MAX_BUFFER: usize = 1024 * 1024;

/// A connection on which HTTP/1.1 is spoken.
pub(crate) struct Http1Start<Io> {
    pub(crate) io: Io,
    /// What was read of it before.
    pub(crate) begun: Bytes,
    /// What is known of it, and how it is counted.
    pub(crate) info: Option<ConnectInfo>,
    pub(crate) socket: SocketNode,
}

/// Serves the calls of a connection until either side closes it, or `phase` says that it is to be closed.
pub(crate) async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(
    start: Http1Start<Io>,
    shared: Arc<ServerShared>,
    mut phase: watch::Receiver<ServerPhase>,
) {
    let later_phase = phase.clone();
    let mut until_draining = pin!(phase::until_draining(&mut phase));
    let mut is_draining = false;
    let socket = start.socket.clone();
    let mut connection = Http1Connection::new(start, shared);
    let end = poll_fn(|cx| {
        let polled = catch_panic(|| {
            let polled = connection.poll(cx);
            if polled.is_ready() || is_draining || until_draining.as_mut().poll(cx).is_pending() {
                return polled;
            }
            is_draining = true;
            connection.shut_down(later_phase.clone());
            connection.poll(cx)
        });
        polled.unwrap_or(Poll::Ready(Http1End::Broken))
    })
    .await;
    socket.close();
    match end {
        Http1End::Closed => {}
        Http1End::Drained(reason) => connection.give_up(reason).await,
        Http1End::Broken => return drop_catching_panics(connection),
    }
    close(connection.hyper.into_parts().io.into_inner()).await;
}

/// Why a connection is closed.
enum Http1End {
    /// There is nothing more to be done on it.
    Closed,
    /// It has been drained for long enough, and there is a call in progress.
    Drained(DrainReason),
    /// Something has panicked: its I/O may be the user's.
    Broken,
}

struct Http1Connection<Io> {
    hyper: http1::Connection<Http1Io<Io>, Http1Service>,
    state: Http1State,
    /// What the connection waits for, and how long it may.
    waiting: (Activity, Option<Pin<Box<Sleep>>>),
    age: Option<Pin<Box<Sleep>>>,
    drain: Drain,
    options: ServerConnectionOptions,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Http1Connection<Io> {
    fn new(start: Http1Start<Io>, shared: Arc<ServerShared>) -> Self {
        let Http1Start { io, begun, info, socket } = start;
        let state = Http1State::default();
        let options = shared.options.clone();
        let io = Http1Io::new(io, begun, state.clone());
        let service = Http1Service { shared, info, socket, state: state.clone() };
        // Longer headers get HTTP status 431 from hyper.
        let headers = header_list::engine_request_limit(options.limits.max_header_list_size);
        let hyper = http1::Builder::new()
            .max_buf_size((headers as usize).clamp(MIN_BUFFER, MAX_BUFFER))
            // The time for them is limited here.
            .header_read_timeout(None)
            .serve_connection(io, service);
        let age = options.max_connection_age.map(|age| jitter::around(age, AGE_JITTER));
        Self {
            hyper,
            // Until the first head has begun, which was read before.
            waiting: (Activity::Serving, None),
            state,
            age: age.map(|age| Box::pin(sleep(age))),
            drain: Drain::default(),
            options,
        }
    }

    /// Ready when the connection is closed, or has to be closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Http1End> {
        // Before a drain starts: a request that has arrived is served.
        if self.poll_hyper(cx).is_ready()
            || self.poll_age(cx).is_ready() && self.poll_hyper(cx).is_ready()
            || self.poll_waited(cx).is_ready()
        {
            return Poll::Ready(Http1End::Closed);
        }
        self.state.expire(cx);
        // A head that has begun is given the time that a client of HTTP/2 has for the GOAWAY.
        let has_call = || self.state.activity() == Activity::Serving;
        self.drain.poll(has_call, cx).map(|reason| match reason {
            Some(reason) => Http1End::Drained(reason),
            None => Http1End::Closed,
        })
    }

    /// Ready when hyper is done with the connection, and has written everything.
    fn poll_hyper(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.hyper).poll(cx).map(|served| {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection of HTTP/1.1 has failed");
            }
        })
    }

    /// Ready when the connection reaches its maximum age: it is drained from then on.
    fn poll_age(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(age) = &mut self.age else { return Poll::Pending };
        ready!(age.as_mut().poll(cx));
        self.age = None;
        self.start_drain(DrainReason::MaxAge, self.options.max_connection_age_grace);
        Poll::Ready(())
    }

    /// Ready when there has been no call for long enough, or the head of one takes too long.
    fn poll_waited(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let activity = self.state.activity();
        if activity != self.waiting.0 {
            let limit = match activity {
                Activity::Idle { .. } => self.options.max_connection_idle,
                Activity::ReadingHead { .. } => Some(self.options.handshake_timeout),
                Activity::Serving => None,
            };
            self.waiting = (activity, limit.map(|limit| Box::pin(sleep(limit))));
        }
        match &mut self.waiting.1 {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Drains the connection of a server that shuts down. `phase` may put an end to that.
    fn shut_down(&mut self, phase: watch::Receiver<ServerPhase>) {
        self.start_drain(DrainReason::Shutdown, self.options.shutdown_timeout);
        self.drain.end_by(phase::force(phase));
    }

    /// Closes the connection after the call in progress, for which there is `grace`, or at once if there is none.
    fn start_drain(&mut self, reason: DrainReason, grace: Option<Duration>) {
        Pin::new(&mut self.hyper).graceful_shutdown();
        self.drain.start(reason, grace);
    }

    /// Ends the call in progress for `reason`. Completes when the client has been sent that, or takes too long to
    /// read it.
    async fn give_up(&mut self, reason: DrainReason) {
        self.state.give_up(reason.status());
        let mut ending =
            poll_fn(|cx| catch_panic(|| self.poll_hyper(cx)).unwrap_or(Poll::Ready(())));
        // Best effort: the connection is closed either way.
        let _ = timeout(CLOSE_TIMEOUT, &mut ending).await;
    }
}
