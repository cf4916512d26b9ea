//! A subchannel: the connections to one server, opened on demand, replaced when lost, and added when the
//! others have no free streams.

mod connectivity;
mod happy_eyeballs;

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{sync::futures::Notified, time::Instant};

use self::connectivity::{ConnectDecision, Connectivity};
use super::{connector::Connector, options::SubchannelOptions, resolver::Resolver};
use crate::{
    call::deadline,
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
        let free = FreeStreams::new();
        Self { resolver, connector, options, keep_alive, state, free }
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
            if let Some(stream) = self.try_stream() {
                return Ok(stream);
            }
            let until = match self.decide() {
                ConnectDecision::Connect => {
                    tokio::spawn(attempt(ConnectGuard(Arc::clone(self))));
                    None
                }
                ConnectDecision::Wait(until) => until,
                ConnectDecision::Fail(_, until) if wait_for_ready => Some(until),
                ConnectDecision::Fail(cause, _) => return Err(cause),
            };
            let has_permit = self.wait(changed, until).await;
            if has_permit && let Some(stream) = self.state().stream() {
                return Ok(stream);
            }
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

    fn decide(&self) -> ConnectDecision {
        let SubchannelState { connections, connectivity } = &mut *self.state();
        connections.retain(|connection| !connection.streams().is_closed());
        connectivity.decide(connections.len(), Instant::now())
    }

    fn connected(&self, connection: Arc<ConnectionHandle>) {
        let state = &mut *self.state();
        state.connectivity.connected(connection.streams());
        state.connections.push(connection);
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
            let io = self.connector.open(address).await?;
            let streams = StreamLimiter::new(Arc::clone(&self.free));
            ConnectionHandle::handshake(
                io,
                self.options.connection,
                streams,
                Arc::clone(&self.keep_alive),
            )
            .await
        };
        happy_eyeballs::race(addresses, dial).await
    }
}

/// The attempt to connect that `guard` stands for.
async fn attempt(guard: ConnectGuard) {
    let subchannel = &guard.0;
    match subchannel.connect().await {
        Ok(connection) => {
            let connection = Arc::new(connection);
            subchannel.connected(Arc::clone(&connection));
            // Only after the subchannel has it: a caller with a permit must find the connection.
            connection.streams().offer();
        }
        Err(cause) => subchannel.state().connectivity.failed(cause, Instant::now()),
    }
}

fn no_answer(limit: Duration) -> io::Error {
    let text = format!("no answer within {limit:?}, the `ChannelBuilder::connect_timeout`");
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Marks a connection attempt as over when it is dropped, even if that is because its runtime shuts down.
struct ConnectGuard(Arc<Subchannel>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        self.0.state().connectivity.cancelled();
        self.0.free.notify();
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpListener, time::timeout};

    use super::*;
    use crate::client::{
        options::ChannelOptions,
        resolver::{Address, Resolution},
    };

    const LONG: Duration = Duration::from_secs(30);

    struct Addresses(Vec<Address>);

    impl Resolver for Addresses {
        fn resolve(&self) -> Resolution<'_> {
            Box::pin(std::future::ready(Ok(self.0.clone())))
        }
    }

    fn subchannel(listeners: &[&TcpListener]) -> Arc<Subchannel> {
        let address = |listener: &&TcpListener| Address::Tcp(listener.local_addr().unwrap());
        let resolver = Addresses(listeners.iter().map(address).collect());
        let ChannelOptions { subchannel: options, keep_alive, .. } = ChannelOptions::default();
        let options = SubchannelOptions { max_connections: 2, ..options };
        let connector = Connector::builtin(true);
        let keep_alive = ChannelKeepAlive::new(keep_alive);
        Arc::new(Subchannel::new(Box::new(resolver), connector, options, keep_alive))
    }

    async fn serve(listener: TcpListener) {
        let mut connections = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut server = h2::server::Builder::new();
            let connection = server.max_concurrent_streams(1).handshake::<_, bytes::Bytes>(stream);
            let mut connection = connection.await.unwrap();
            connections.push(tokio::spawn(async move { drop(connection.accept().await) }));
        }
    }

    #[tokio::test]
    async fn a_silent_address_does_not_keep_the_next_from_being_connected_to() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&silent, &alive]);
        tokio::spawn(serve(alive));
        let stream = timeout(LONG, subchannel.stream(false)).await.expect("no hang");
        assert!(stream.is_ok());
    }
    #[tokio::test]
    async fn streams_are_those_of_new_connections_and_then_of_calls_that_have_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let subchannel = subchannel(&[&listener]);
        tokio::spawn(serve(listener));
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
}
