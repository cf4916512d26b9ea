//! A subchannel: the connections to one server, opened on demand, replaced when lost, and added when the
//! others have no free streams.

mod connectivity;
mod happy_eyeballs;

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
    time::Duration,
};

use tokio::{sync::futures::Notified, time::Instant};

use self::connectivity::{ConnectDecision, Connectivity};
use super::{connector::Connector, options::SubchannelOptions, resolver::Resolver};
use crate::{
    call::deadline,
    channelz::{ChannelNode, ChannelState, ReportState, SubchannelNode},
    h2::{
        client::connection::ConnectionHandle,
        keep_alive::ChannelKeepAlive,
        stream_limiter::{FreeStreams, StreamLimiter, StreamPermit},
    },
};

/// The connections to one server. A call goes to the one with the fewest calls.
pub(super) struct Subchannel {
    resolver: Box<dyn Resolver>,
    connector: Connector,
    options: SubchannelOptions,
    /// Shared by all connections of the channel.
    keep_alive: Arc<ChannelKeepAlive>,
    /// Locked for bookkeeping alone, never while connecting.
    state: Mutex<SubchannelState>,
    /// The free streams of all connections. A stream may only be taken with a permit from here.
    free: Arc<FreeStreams>,
    /// The subchannel, as it is counted.
    node: SubchannelNode,
}

struct SubchannelState {
    connections: Vec<Arc<ConnectionHandle>>,
    connectivity: Connectivity,
}

/// A stream that is reserved for a call.
pub(super) struct ReservedStream {
    pub(super) connection: Arc<ConnectionHandle>,
    pub(super) permit: StreamPermit,
}

impl SubchannelState {
    /// A free stream of the connection with the fewest calls, for a caller that has a permit.
    fn stream(&self) -> Option<ReservedStream> {
        let connection = match &self.connections[..] {
            // The common case, without a comparison.
            [only] => only,
            all => {
                let free = all.iter().filter(|connection| connection.streams().has_free());
                free.min_by_key(|connection| connection.streams().calls())?
            }
        };
        // Only whoever holds the lock takes streams: it fails if the server has just lowered its limit or
        // the connection was closed, and then the permit's stream has vanished.
        let permit = connection.streams().try_acquire()?;
        Some(ReservedStream { connection: Arc::clone(connection), permit })
    }
}

impl Subchannel {
    pub(super) fn new(
        resolver: Box<dyn Resolver>,
        connector: Connector,
        options: SubchannelOptions,
        keep_alive: Arc<ChannelKeepAlive>,
    ) -> Self {
        let connectivity = Connectivity::new(options.backoff, options.max_connections);
        let state = Mutex::new(SubchannelState { connections: Vec::new(), connectivity });
        let (free, node) = (FreeStreams::new(), SubchannelNode::default());
        Self { resolver, connector, options, keep_alive, state, free, node }
    }

    /// This subchannel, counted as one of `channel`'s.
    pub(super) fn counted(mut self, channel: &ChannelNode) -> Arc<Self> {
        self.node = channel.open_subchannel();
        let counted = Arc::new(self);
        counted.node.report_by(|| {
            let source: Weak<Self> = Arc::downgrade(&counted);
            source
        });
        counted
    }

    /// A free stream of some connection, if nobody else waits for it.
    pub(super) fn try_stream(&self) -> Option<ReservedStream> {
        while self.free.try_acquire() {
            // The permit's stream may have vanished: the server has lowered its limit, or the connection
            // was closed.
            if let Some(stream) = self.state().stream() {
                return Some(stream);
            }
        }
        None
    }

    /// Waits for a free stream of some connection.
    ///
    /// # Errors
    /// If there is no connection and connecting has failed, unless the call is to `wait_for_ready`.
    pub(super) async fn stream(
        self: &Arc<Self>,
        wait_for_ready: bool,
    ) -> Result<ReservedStream, Arc<io::Error>> {
        loop {
            let mut changed = pin!(self.free.changed());
            // Registered before the state is checked, so that no change in between is missed.
            changed.as_mut().enable();
            let until = match self.stream_or_decision() {
                Ok(stream) => return Ok(stream),
                Err(ConnectDecision::Connect) => {
                    tokio::spawn(attempt(ConnectGuard::new(self)));
                    None
                }
                Err(ConnectDecision::Wait(until)) => until,
                Err(ConnectDecision::Fail(_, until)) if wait_for_ready => Some(until),
                Err(ConnectDecision::Fail(cause, _)) => return Err(cause),
            };
            let has_permit = self.wait(changed, until).await;
            if has_permit && let Some(stream) = self.state().stream() {
                return Ok(stream);
            }
            // A runtime that shuts down drops the attempt at once, as it would the next one. It can drop this call as
            // well once that yields.
            tokio::task::yield_now().await;
        }
    }

    /// Waits for a permit (true), or until the state has to be checked again (false).
    async fn wait(&self, mut changed: Pin<&mut Notified<'_>>, until: Option<Instant>) -> bool {
        let mut free = pin!(self.free.acquire());
        let mut timer = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
        poll_fn(|cx| {
            if let Poll::Ready(Ok(())) = free.as_mut().poll(cx) {
                return Poll::Ready(true);
            }
            let timer = timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx));
            if timer.is_ready() || changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            Poll::Pending
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, SubchannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free stream, or what comes next without one.
    fn stream_or_decision(&self) -> Result<ReservedStream, ConnectDecision> {
        let mut state = self.state();
        // Under the lock that an attempt takes to say that it is over, after it has offered its streams: whoever finds it
        // over and holds the lock finds them, too, and does not connect beside them.
        while self.free.try_acquire() {
            if let Some(stream) = state.stream() {
                return Ok(stream);
            }
        }
        let SubchannelState { connections, connectivity } = &mut *state;
        connections.retain(|connection| !connection.streams().is_closed());
        Err(connectivity.decide(connections.len(), Instant::now()))
    }

    /// Connects within the time that this may take.
    async fn connect(&self) -> io::Result<ConnectionHandle> {
        let limit = self.options.connect_timeout;
        let late = deadline::timer("connecting", || tokio::time::sleep(limit))
            .map_err(io::Error::other)?;
        let (mut late, mut racing) = (pin!(late), pin!(self.race_addresses()));
        poll_fn(|cx| match racing.as_mut().poll(cx) {
            Poll::Ready(connected) => Poll::Ready(connected),
            Poll::Pending => late.as_mut().poll(cx).map(|()| Err(no_answer(limit))),
        })
        .await
    }

    /// Dials the addresses, and takes the first one whose handshake succeeds: a server that accepts connections but does
    /// not respond is as dead as one that refuses them.
    async fn race_addresses(&self) -> io::Result<ConnectionHandle> {
        let addresses = self.resolver.resolve().await?;
        let dial = |address| async {
            let opened = self.connector.open(address).await?;
            let socket = self.node.open_socket(opened.facts);
            let streams = StreamLimiter::new(Arc::clone(&self.free), socket);
            ConnectionHandle::handshake(
                opened.io,
                self.options.connection,
                streams,
                Arc::clone(&self.keep_alive),
            )
            .await
        };
        happy_eyeballs::race(addresses, dial).await
    }
}

impl ReportState for Subchannel {
    fn state(&self) -> ChannelState {
        let state = self.state();
        match state.connections.iter().any(|connection| !connection.streams().is_closed()) {
            true => ChannelState::Ready,
            false => state.connectivity.channel_state(),
        }
    }
}

/// The attempt to connect that `guard` stands for.
async fn attempt(mut guard: ConnectGuard) {
    let subchannel = &guard.subchannel;
    match subchannel.connect().await {
        Ok(connection) => {
            let connection = Arc::new(connection);
            // First: a caller with a permit must find the connection.
            subchannel.state().connections.push(Arc::clone(&connection));
            connection.streams().offer();
            // Last: offering many streams takes a while, and who finds none until then has to wait for them.
            subchannel.state().connectivity.connected(connection.streams());
        }
        Err(cause) => subchannel.state().connectivity.failed(cause, Instant::now()),
    }
    guard.has_reported = true;
}

fn no_answer(limit: Duration) -> io::Error {
    let text = format!("no answer within {limit:?}, the `ChannelBuilder::connect_timeout`");
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Marks a connection attempt as over when it is dropped, even if that is because its runtime shuts down.
struct ConnectGuard {
    subchannel: Arc<Subchannel>,
    /// Whether the outcome is known. Another attempt may have begun since.
    has_reported: bool,
}

impl ConnectGuard {
    fn new(subchannel: &Arc<Subchannel>) -> Self {
        Self { subchannel: Arc::clone(subchannel), has_reported: false }
    }
}

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        if !self.has_reported {
            self.subchannel.state().connectivity.cancelled();
        }
        self.subchannel.free.notify();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Wake, Waker},
    };

    use tokio::{net::TcpListener, time::timeout};

    use super::*;
    use crate::{
        channelz::SocketNode,
        client::{
            connector::TcpOptions,
            options::ChannelOptions,
            resolver::{Address, Resolution},
        },
    };

    const LONG: Duration = Duration::from_secs(30);

    struct Addresses(Vec<Address>, Arc<AtomicUsize>);

    impl Resolver for Addresses {
        fn resolve(&self) -> Resolution<'_> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Ok(self.0.clone())))
        }
    }

    fn subchannel(listeners: &[&TcpListener]) -> Arc<Subchannel> {
        counting_subchannel(listeners, &Arc::default())
    }

    /// A subchannel that counts its `attempts` to connect.
    fn counting_subchannel(
        listeners: &[&TcpListener],
        attempts: &Arc<AtomicUsize>,
    ) -> Arc<Subchannel> {
        let address = |listener: &&TcpListener| Address::Tcp(listener.local_addr().unwrap());
        let addresses = listeners.iter().map(address).collect();
        let resolver = Addresses(addresses, Arc::clone(attempts));
        let ChannelOptions { subchannel: options, keep_alive, .. } = ChannelOptions::default();
        let options = SubchannelOptions { max_connections: 2, ..options };
        let connector = Connector::builtin(TcpOptions { nodelay: true, user_timeout: None });
        let keep_alive = ChannelKeepAlive::new(keep_alive);
        Arc::new(Subchannel::new(Box::new(resolver), connector, options, keep_alive))
    }

    async fn serve(listener: TcpListener, max_concurrent_streams: u32) {
        let mut connections = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut server = h2::server::Builder::new();
            let server = server.max_concurrent_streams(max_concurrent_streams);
            let connection = server.handshake::<_, bytes::Bytes>(stream);
            let mut connection = connection.await.unwrap();
            connections.push(tokio::spawn(async move { drop(connection.accept().await) }));
        }
    }

    #[tokio::test]
    async fn a_silent_address_does_not_keep_the_next_from_being_connected_to() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&silent, &alive]);
        tokio::spawn(serve(alive, 1));
        let stream = timeout(LONG, subchannel.stream(false)).await.expect("no hang");
        assert!(stream.is_ok());
    }

    #[tokio::test]
    async fn streams_are_those_of_new_connections_and_then_of_calls_that_have_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&listener]);
        tokio::spawn(serve(listener, 1));
        let first = subchannel.stream(false).await.ok().unwrap();
        assert!(subchannel.try_stream().is_none());
        let second = subchannel.stream(false).await.ok().unwrap();
        assert!(!Arc::ptr_eq(&first.connection, &second.connection));
        let mut third = pin!(subchannel.stream(false));
        assert!(timeout(Duration::from_millis(20), third.as_mut()).await.is_err());
        drop(first.permit);
        let third = third.await.ok().unwrap();
        assert!(Arc::ptr_eq(&first.connection, &third.connection));
    }

    /// Asks for a stream itself when a call that waits for one is woken.
    struct Latecomer(Arc<Subchannel>);

    impl Wake for Latecomer {
        fn wake(self: Arc<Self>) {
            let _ = pin!(self.0.stream(false)).poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    #[tokio::test]
    async fn who_comes_while_streams_are_offered_does_not_connect_beside_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let attempts = Arc::default();
        let subchannel = counting_subchannel(&[&listener], &attempts);
        tokio::spawn(serve(listener, 1000));
        let waker = Waker::from(Arc::new(Latecomer(Arc::clone(&subchannel))));
        // So many that they are not woken at once.
        let mut waiting = Vec::from_iter((0..100).map(|_| Box::pin(subchannel.stream(false))));
        for stream in &mut waiting {
            assert!(stream.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        subchannel.stream(false).await.ok().unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(attempts.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_stream_that_has_become_free_is_taken_and_not_connected_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&listener]);
        tokio::spawn(serve(listener, 1));
        drop(subchannel.stream(false).await.ok().unwrap());
        // As for a call that has just found none.
        assert!(subchannel.stream_or_decision().is_ok());
    }

    #[tokio::test]
    async fn the_end_of_an_attempt_is_not_that_of_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&listener]);
        let decide = || subchannel.state().connectivity.decide(0, Instant::now());
        let mut first = ConnectGuard::new(&subchannel);
        assert!(matches!(decide(), ConnectDecision::Connect));
        let streams = StreamLimiter::new(FreeStreams::new(), SocketNode::default());
        subchannel.state().connectivity.connected(&streams);
        first.has_reported = true;
        assert!(matches!(decide(), ConnectDecision::Connect));
        drop(first);
        assert!(matches!(decide(), ConnectDecision::Wait(None)));
        drop(ConnectGuard::new(&subchannel));
        assert!(matches!(decide(), ConnectDecision::Connect));
    }
}
