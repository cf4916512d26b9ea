//! A channel with other settings than the usual ones.

use std::{fmt, future::Future, io, sync::Arc, time::Duration};

use http::{HeaderValue, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;

use super::{
    Channel,
    connector::Connector,
    h2::H2Transport,
    pool::{Backoff, Pool},
    target::Target,
};
use crate::wire::{
    deadline::FOREVER,
    h2::{MAX_FRAME, MAX_WINDOW, MIN_FRAME, Sizes},
    keep_alive::Pings,
};

/// What this library calls itself in `user-agent`.
const USER_AGENT: &str = concat!("grpc-rust-scaffold/", env!("CARGO_PKG_VERSION"));

/// See the methods of [`ChannelBuilder`] of the same names.
#[derive(Clone, Debug)]
pub(super) struct ChannelOptions {
    pub(super) connect_timeout: Duration,
    pub(super) backoff: Backoff,
    pub(super) max_connections: usize,
    pub(super) sizes: Sizes,
    pub(super) keep_alive: Pings,
    pub(super) keep_alive_while_idle: bool,
    pub(super) wait_for_ready: bool,
    pub(super) user_agent: HeaderValue,
}

impl ChannelOptions {
    /// Refuses what would let no call go well, or dial without a pause.
    fn check(&self) -> Result<(), Status> {
        let zeros = [
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("backoff", self.backoff.base.is_zero() || self.backoff.max.is_zero()),
        ];
        let mut zeros = zeros.into_iter().chain(self.sizes.zeros());
        match zeros.find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => {
                Err(Status::invalid_argument(format!("`{name}` of the channel is zero")))
            }
            None => Ok(()),
        }
    }
}

/// Makes a [`Channel`] with other settings than the usual ones.
///
/// ```
/// # use std::time::Duration;
/// # use rust_scaffold::{Channel, Status};
/// # fn channel() -> Result<Channel, Status> {
/// Channel::builder("http://localhost:50051")
///     .connect_timeout(Duration::from_secs(5))
///     .keep_alive_interval(Some(Duration::from_secs(10 * 60)))
///     .connect_lazy()
/// # }
/// ```
#[derive(Clone)]
pub struct ChannelBuilder {
    address: String,
    connector: Option<Connector>,
    tcp_nodelay: bool,
    options: ChannelOptions,
    user_agent: Option<String>,
}

impl ChannelBuilder {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            connector: None,
            tcp_nodelay: true,
            options: ChannelOptions {
                connect_timeout: Duration::from_secs(20),
                backoff: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(120) },
                max_connections: 16,
                sizes: Sizes::default(),
                keep_alive: Pings { interval: None, timeout: Duration::from_secs(20) },
                keep_alive_while_idle: false,
                wait_for_ready: false,
                user_agent: HeaderValue::from_static(USER_AGENT),
            },
            user_agent: None,
        }
    }

    /// Connects now.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address or user agent, `Unavailable` when nothing answers
    /// there.
    pub async fn connect(self) -> Result<Channel, Status> {
        let pool = self.pool()?;
        pool.connect().await?;
        Ok(Channel::from_h2(H2Transport::new(pool)))
    }

    /// Connects when the first call is made.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address or user agent.
    pub fn connect_lazy(self) -> Result<Channel, Status> {
        Ok(Channel::from_h2(H2Transport::new(self.pool()?)))
    }

    fn pool(self) -> Result<Arc<Pool>, Status> {
        let target = Target::parse(&self.address)?;
        if target.is_secure() && self.connector.is_none() {
            return Err(Status::invalid_argument(format!(
                "{} asks for TLS, which takes a connector that speaks it",
                self.address
            )));
        }
        let mut options = self.options;
        options.check()?;
        if let Some(name) = self.user_agent {
            options.user_agent = format!("{name} {USER_AGENT}").try_into().map_err(|_| {
                Status::invalid_argument(format!("{name:?} cannot be sent as user-agent"))
            })?;
        }
        let builtin = Connector::Builtin { tcp_nodelay: self.tcp_nodelay };
        Ok(Arc::new(Pool::new(target, self.connector.unwrap_or(builtin), options)))
    }

    /// Opens connections with `connect`, which gets the address of the server, its path being `/`:
    /// for a proxy, TLS of one's own, or a connection within the process.
    ///
    /// ```
    /// # use rust_scaffold::{Channel, Status};
    /// # async fn channel() -> Result<Channel, Status> {
    /// Channel::builder("http://calculator")
    ///     .connector(|_| tokio::net::TcpStream::connect("127.0.0.1:50051"))
    ///     .connect()
    ///     .await
    /// # }
    /// ```
    #[must_use]
    pub fn connector<C, F, IO>(mut self, connect: C) -> Self
    where
        C: Fn(Uri) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connector = Some(Connector::custom(connect));
        self
    }

    /// What the client is called in `user-agent`, in front of the name of this library.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// How long making a connection may take. By default 20 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long to wait before connecting again after a failure, and how long at the most after
    /// many: it grows by 1.6 every time, and varies by a fifth. By default one second, two minutes.
    /// Meanwhile calls fail with `Unavailable`, or wait: see
    /// [`wait_for_ready`](Self::wait_for_ready).
    ///
    /// A connection that the server closes once it has begun is no failure, and the next one is made at
    /// once; but from the second one in a row on that has not brought the answer to a call, there are the
    /// same waits between their beginnings, and from the ninth one on it is a failure. See [gRPC's
    /// backoff](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.options.backoff = Backoff { base: base.min(FOREVER), max: max.min(FOREVER) };
        self
    }

    /// Whether calls wait for a connection for as long as it takes, or for their deadlines, instead
    /// of failing with `Unavailable` when it cannot be made. By default they fail. A request that
    /// has a [`WaitForReady`] in its extensions decides for itself.
    #[must_use]
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.wait_for_ready = wait;
        self
    }

    /// How many connections there are at the most: one more is made when all of them carry as many
    /// calls as the server lets them. Calls wait when none may be added. By default 16, at least 1.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections.max(1);
        self
    }

    /// Whether TCP sends small packets at once (`TCP_NODELAY`). By default it does.
    #[must_use]
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.tcp_nodelay = nodelay;
        self
    }

    /// How often the server is pinged while there are calls, to find out whether it is still there;
    /// none, the default: never. At least 10 seconds: shorter intervals are taken for that. Servers
    /// close connections that ping too often, and many allow no more than one ping in 5 minutes. One
    /// that says so (`too_many_pings`) is pinged half as often from then on.
    ///
    /// See [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.options.keep_alive.set_client_interval(interval);
        self
    }

    /// How long the server may take to say that it is still there, before the connection is given
    /// up, and its calls fail with `Unavailable`. By default 20 seconds, at least 10 milliseconds.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive.set_timeout(timeout);
        self
    }

    /// Whether the server is asked even while there are no calls. By default it is not.
    #[must_use]
    pub fn keep_alive_while_idle(mut self, ping: bool) -> Self {
        self.options.keep_alive_while_idle = ping;
        self
    }

    /// How many bytes of one call's responses may be on their way, or wait for somebody to read
    /// them. By default 1 MiB and 64 KiB, for messages of 1 MiB in one piece.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How many bytes of all responses of a connection may be on their way, or wait for somebody to
    /// read them. By default 4 MiB.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.connection_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How much memory of a connection responses may take that wait for somebody to read them, so that
    /// streams that nobody reads leave other calls their window: [the connection's
    /// window](Self::initial_connection_window_size) grows by what is unread, until it could hold as much
    /// as this. From there on the connection stops until something is read, and says so in a `tracing`
    /// event. In bytes, 256 more being counted for each frame. By default 64 MiB; with less than the
    /// connection's window, that does not grow.
    #[must_use]
    pub fn max_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.options.sizes.max_unread = bytes;
        self
    }

    /// The largest HTTP/2 frame that the server may send, from 16 KiB to 16 MiB less one byte. By
    /// default 1 MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_frame_size = bytes.clamp(MIN_FRAME, MAX_FRAME);
        self
    }

    /// The largest headers and the largest trailers of a response, in bytes as
    /// [HTTP/2 counts them](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE).
    /// By default 16 KiB.
    ///
    /// A call with longer ones is `ResourceExhausted`. More than 256 times as long, they end the
    /// connection.
    #[must_use]
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_header_list_size = bytes;
        self
    }
}

impl fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBuilder")
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Whether a call waits for a connection, for as long as it takes or for its deadline, whatever its
/// channel says: to be put into the extensions of a request.
///
/// ```
/// # use rust_scaffold::{Request, WaitForReady};
/// let mut request = Request::new(());
/// request.extensions_mut().insert(WaitForReady(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForReady(pub bool);
