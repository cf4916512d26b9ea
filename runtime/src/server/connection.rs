//! One connection: its calls, and the reasons to end it.

use std::{
    any::Any,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Extensions;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Instant, Sleep},
};

use super::{calls::Calls, options::Options, pace::Pace, routes::Routes};
use crate::wire::{h2::SEND_BUFFER, jitter, keep_alive::KeepAlive, memory, wakes::Wakes};

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
pub(super) struct Shared {
    pub(super) routes: Routes,
    pub(super) options: Options,
    pub(super) pace: Pace,
}

/// Serves `io` until it is closed, by either side. It is to be closed when `shutdown` says so.
pub(super) async fn serve<IO>(io: IO, shared: Arc<Shared>, mut shutdown: watch::Receiver<bool>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let info = shared.options.connect_info.then(|| ConnectInfo::of(&io)).flatten();
    let handshake = handshake(io, &shared.options);
    let Ok(Ok(h2)) = tokio::time::timeout(shared.options.handshake_timeout, handshake).await else {
        return;
    };
    let mut connection = Connection::new(h2, info, shared);
    let shut_down = async { shutdown.wait_for(|shut_down| *shut_down).await.is_ok() };
    let mut shut_down = std::pin::pin!(shut_down);
    let mut asked = false;
    let wakes = Arc::clone(&connection.wakes);
    let waker = Waker::from(Arc::clone(&wakes));
    poll_fn(|cx| {
        wakes.poll(&waker, cx, |cx| {
            if !asked && shut_down.as_mut().poll(cx).is_ready() {
                asked = true;
                connection.close_within(connection.shared.options.shutdown_timeout);
            }
            connection.poll(cx)
        })
    })
    .await;
}

fn handshake<IO>(io: IO, options: &Options) -> h2::server::Handshake<IO, Bytes>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    memory::keep();
    let sizes = options.sizes;
    h2::server::Builder::new()
        .initial_window_size(sizes.stream_window)
        .initial_connection_window_size(sizes.connection_window)
        .max_frame_size(sizes.max_frame_size)
        .max_header_list_size(sizes.max_header_list_size)
        .data_frame_budget(sizes.data_frame_budget())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_pending_accept_reset_streams(options.max_pending_accept_reset_streams)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(io)
}

/// What connections that are of an age differ by when they are closed.
const AGE_JITTER: f64 = 0.1;

struct Connection<IO> {
    h2: h2::server::Connection<IO, Bytes>,
    /// What HTTP/2 wakes this by.
    waker: Waker,
    calls: Calls,
    shared: Arc<Shared>,
    wakes: Arc<Wakes>,
    keep_alive: Option<KeepAlive>,
    idle: Option<Pin<Box<Sleep>>>,
    last_call: Instant,
    age: Option<Pin<Box<Sleep>>>,
    /// When it is cut off, after it was asked to close.
    end: Option<Pin<Box<Sleep>>>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    fn new(
        h2: h2::server::Connection<IO, Bytes>,
        info: Option<ConnectInfo>,
        shared: Arc<Shared>,
    ) -> Self {
        let timer = |time: Option<Duration>| time.map(|time| Box::pin(tokio::time::sleep(time)));
        let wakes = Wakes::new();
        Self {
            keep_alive: KeepAlive::new(shared.options.keep_alive),
            idle: timer(shared.options.max_connection_idle),
            age: timer(
                shared.options.max_connection_age.map(|age| jitter::around(age, AGE_JITTER)),
            ),
            last_call: Instant::now(),
            end: None,
            calls: Calls::new(info, Arc::clone(&shared), Arc::clone(&wakes)),
            waker: wakes.h2_waker(),
            wakes,
            h2,
            shared,
        }
    }

    /// Takes no more calls, and ends with the last one, but no later than after `limit`.
    fn close_within(&mut self, limit: Option<Duration>) {
        self.h2.graceful_shutdown();
        self.wakes.wake_h2();
        (self.idle, self.age) = (None, None);
        self.end = limit.map(|limit| Box::pin(tokio::time::sleep(limit)));
    }

    /// Ready when the connection is closed, or to be cut off.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_idle(cx);
        if let Some(age) = &mut self.age
            && age.as_mut().poll(cx).is_ready()
        {
            self.close_within(self.shared.options.max_connection_age_grace);
        }
        if self.poll_calls().is_ready() {
            return Poll::Ready(());
        }
        let pings = || {
            // It has to look at what it gives out.
            self.wakes.wake_h2();
            self.h2.ping_pong()
        };
        if let Some(keep_alive) = &mut self.keep_alive
            && keep_alive.poll_dead(false, pings, cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.end.as_mut().map_or(Poll::Pending, |end| end.as_mut().poll(cx))
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
                false => self.close_within(self.shared.options.shutdown_timeout),
            }
        }
    }

    /// Runs the calls that have arrived, and sends what is to be sent.
    fn poll_calls(&mut self) -> Poll<()> {
        loop {
            if self.wakes.take_h2() && self.poll_h2().is_ready() {
                return Poll::Ready(());
            }
            match self.calls.run() {
                Some(time) => self.last_call = Instant::from_std(time),
                None => return Poll::Pending,
            }
            if self.wakes.is_broken() {
                return Poll::Ready(());
            }
        }
    }

    /// Receives calls, and sends what is to be sent. Ready when the connection is closed.
    fn poll_h2(&mut self) -> Poll<()> {
        let cx = &mut Context::from_waker(&self.waker);
        while let Some(call) = ready!(self.h2.poll_accept(cx)) {
            let Ok((request, stream)) = call else { break };
            self.calls.push(request, stream);
        }
        Poll::Ready(())
    }
}
