//! What a server's connections may take, and how long they may last.

use std::{io, time::Duration};

use tokio::sync::Semaphore;

use super::{Server, ping_strikes::PingPolicy};
use crate::wire::{
    deadline::FOREVER,
    h2::{MAX_FRAME, MAX_WINDOW, MIN_FRAME, Sizes},
    keep_alive::Pings,
};

/// See the methods of [`Server`] of the same names.
#[derive(Clone, Debug)]
pub(super) struct ServerOptions {
    pub(super) tcp_nodelay: bool,
    pub(super) sizes: Sizes,
    pub(super) max_connections: usize,
    pub(super) max_concurrent_streams: u32,
    pub(super) max_pending_accept_reset_streams: usize,
    pub(super) connect_info: bool,
    pub(super) inline_limit: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) keep_alive: Pings,
    pub(super) ping_policy: PingPolicy,
    pub(super) max_connection_idle: Option<Duration>,
    pub(super) max_connection_age: Option<Duration>,
    pub(super) max_connection_age_grace: Option<Duration>,
    pub(super) shutdown_timeout: Option<Duration>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            tcp_nodelay: true,
            sizes: Sizes::default(),
            max_connections: 65_536,
            max_concurrent_streams: 1000,
            max_pending_accept_reset_streams: 10_000,
            connect_info: false,
            inline_limit: Duration::from_micros(50),
            handshake_timeout: Duration::from_secs(10),
            keep_alive: Pings {
                interval: Some(Duration::from_secs(5 * 60)),
                timeout: Duration::from_secs(20),
            },
            ping_policy: PingPolicy { interval: Duration::from_secs(5 * 60), while_idle: false },
            max_connection_idle: Some(Duration::from_secs(30 * 60)),
            max_connection_age: None,
            max_connection_age_grace: None,
            shutdown_timeout: None,
        }
    }
}

impl ServerOptions {
    /// Refuses what would leave a server without a single call that goes well.
    pub(super) fn check(&self) -> io::Result<()> {
        let is_zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        let zeros = [
            ("max_connections", self.max_connections == 0),
            ("max_concurrent_streams", self.max_concurrent_streams == 0),
            ("handshake_timeout", self.handshake_timeout.is_zero()),
            ("max_connection_idle", is_zero(self.max_connection_idle)),
            ("max_connection_age", is_zero(self.max_connection_age)),
        ];
        let mut zeros = zeros.into_iter().chain(self.sizes.zeros());
        match zeros.find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => {
                let error = format!("`Server::{name}` is zero: no call could be served");
                Err(io::Error::new(io::ErrorKind::InvalidInput, error))
            }
            None => Ok(()),
        }
    }
}

/// What the server's connections may take, and how long they may last.
impl Server {
    /// Whether TCP sends small packets at once (`TCP_NODELAY`). By default it does.
    #[must_use]
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.options.tcp_nodelay = nodelay;
        self
    }

    /// Whether the extensions of requests that come over TCP say from where, as a
    /// [`ConnectInfo`](crate::ConnectInfo); with the feature `tonic-transport`, also as tonic's, for
    /// `Request::remote_addr`. By default they do not: it takes memory for every call.
    #[must_use]
    pub fn connect_info(mut self, tell: bool) -> Self {
        self.options.connect_info = tell;
        self
    }

    /// How long a handler may compute, before it first waits for something, on the task of its
    /// connection, where it holds up the other calls. The calls of a method that takes longer three
    /// times in a row get tasks of their own, until one that is tried again after a while is quick.
    /// By default 50 microseconds; zero gives all calls tasks of their own.
    #[must_use]
    pub fn inline_limit(mut self, time: Duration) -> Self {
        self.options.inline_limit = time;
        self
    }

    /// How many bytes of one call's requests may be on their way, or wait for the handler to read
    /// them. By default 1 MiB and 64 KiB, for messages of 1 MiB in one piece.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How many bytes of all requests of a connection may be on their way, or wait for handlers to
    /// read them. By default 4 MiB.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.connection_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How much memory of a connection requests may take that wait for handlers which do not read them,
    /// so that calls whose handlers do not read leave others their window: [the connection's
    /// window](Self::initial_connection_window_size) grows by what is unread, until it could hold as much
    /// as this. From there on the connection stops until something is read, and says so in a `tracing`
    /// event. In bytes, 256 more being counted for each frame. By default 64 MiB; with less than the
    /// connection's window, that does not grow.
    #[must_use]
    pub fn max_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.options.sizes.max_unread = bytes;
        self
    }

    /// The largest HTTP/2 frame that clients may send, from 16 KiB to 16 MiB less one byte. By
    /// default 1 MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_frame_size = bytes.clamp(MIN_FRAME, MAX_FRAME);
        self
    }

    /// The largest headers of a request, in bytes as
    /// [HTTP/2 counts them](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE).
    /// By default 16 KiB.
    ///
    /// A call with longer ones is `ResourceExhausted`, or gets an HTTP 431 when they are more than 16
    /// times as long. More than 64 times as long, they end the connection.
    #[must_use]
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_header_list_size = bytes;
        self
    }

    /// How many calls a connection may have in progress, at least one. By default 1000.
    #[must_use]
    pub fn max_concurrent_streams(mut self, calls: u32) -> Self {
        self.options.max_concurrent_streams = calls;
        self
    }

    /// How many connections are served at a time, at least one; others wait to be accepted. By default
    /// 65,536.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections.min(Semaphore::MAX_PERMITS);
        self
    }

    /// How many calls of a connection a client may reset before the server has looked at them; one
    /// more closes the connection (the "rapid reset" attack, CVE-2023-44487). Each call that is not
    /// reset makes up for ten that were, so that a server which is late for a while does not hold it
    /// against its clients. By default 10,000.
    #[must_use]
    pub fn max_pending_accept_reset_streams(mut self, calls: usize) -> Self {
        self.options.max_pending_accept_reset_streams = calls;
        self
    }

    /// How long a client may take to begin with HTTP/2 on a new connection. By default 10 seconds.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.options.handshake_timeout = timeout;
        self
    }

    /// How often clients are asked whether they are still there; none: never. By default every 5
    /// minutes, at the most every second.
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.options.keep_alive.set_server_interval(interval);
        self
    }

    /// How long a client may take to say that it is still there, before the connection is closed.
    /// By default 20 seconds, at least 10 milliseconds.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive.set_timeout(timeout);
        self
    }

    /// How often a client may ping while it has calls. One that has pinged too early three times, with
    /// nothing sent to it meanwhile, is told so (`too_many_pings`), and its connection is closed. By
    /// default every 5 minutes; zero allows any number.
    ///
    /// See [gRFC
    /// A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#server-enforcement).
    #[must_use]
    pub fn permit_keep_alive_interval(mut self, interval: Duration) -> Self {
        self.options.ping_policy.interval = interval;
        self
    }

    /// Whether a client may ping as often without calls. By default it may not, but every two hours.
    #[must_use]
    pub fn permit_keep_alive_while_idle(mut self, permit: bool) -> Self {
        self.options.ping_policy.while_idle = permit;
        self
    }

    /// How long a connection may be without calls before it is closed; none: for ever. By default
    /// 30 minutes. Clients connect again when they need to.
    #[must_use]
    pub fn max_connection_idle(mut self, time: Option<Duration>) -> Self {
        self.options.max_connection_idle = time.map(|time| time.min(FOREVER));
        self
    }

    /// How old a connection may be before it is closed, say, so that clients spread over servers;
    /// none, the default: any age. It is a tenth more or less for each, so that not all of them come
    /// back at once. Calls in progress may go on, see
    /// [`max_connection_age_grace`](Self::max_connection_age_grace).
    ///
    /// See [gRFC A9](https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md).
    #[must_use]
    pub fn max_connection_age(mut self, age: Option<Duration>) -> Self {
        self.options.max_connection_age = age.map(|age| age.min(FOREVER));
        self
    }

    /// How long calls may still go on when their connection has reached its greatest age; none, the
    /// default: as long as they take.
    #[must_use]
    pub fn max_connection_age_grace(mut self, grace: Option<Duration>) -> Self {
        self.options.max_connection_age_grace = grace.map(|grace| grace.min(FOREVER));
        self
    }

    /// How long calls may still go on when the server shuts down; none, the default: as long as
    /// they take.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.shutdown_timeout = timeout.map(|timeout| timeout.min(FOREVER));
        self
    }
}
