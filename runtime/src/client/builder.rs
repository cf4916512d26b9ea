//! [`ChannelBuilder`]: the options of a channel.

use std::{fmt, future::Future, io, sync::Arc, time::Duration};

use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
use super::tls_connector::TlsConnector;
use super::{
    balancer::Balancer,
    balancer::SingleSubchannel,
    channel::{Channel, ChannelSecurity},
    connector::{Connector, TcpOptions},
    error::ConnectError,
    options::{Backoff, ChannelOptions, USER_AGENT},
    resolver,
    retry::RetryTransport,
    subchannel::Subchannel,
    target::{Endpoint, Target},
};
#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
use crate::tls::ClientTls;
use crate::{
    call::deadline::FOREVER,
    channelz::{ChannelNode, ChannelState},
    h2::{
        keep_alive::ChannelKeepAlive,
        stream::{MAX_FRAME, MAX_WINDOW, MIN_FRAME},
    },
    protocol::Protocol,
};

/// Channels over connections of their own.
impl Channel {
    /// Connects to `address`, for example `http://localhost:50051` or `unix:/run/calculator.sock`.
    ///
    /// A lost connection is replaced. Connecting fails after 20 seconds. If a name has several addresses,
    /// the next one is dialled every 250 ms, or as soon as one has failed, as in [RFC
    /// 8305](https://www.rfc-editor.org/rfc/rfc8305). Use a [`builder`](Self::builder) for other options.
    ///
    /// # Errors
    /// [`ConnectError`] for a malformed address, or if the server cannot be reached.
    pub async fn connect(address: impl AsRef<str>) -> Result<Self, ConnectError> {
        Self::builder(address).connect().await
    }

    /// Returns a channel that connects to `address` on its first call.
    ///
    /// # Errors
    /// [`ConnectError`] for a malformed address.
    pub fn connect_lazy(address: impl AsRef<str>) -> Result<Self, ConnectError> {
        Self::builder(address).connect_lazy()
    }

    /// A builder for a channel to `address` with options.
    pub fn builder(address: impl AsRef<str>) -> ChannelBuilder {
        ChannelBuilder::new(address.as_ref())
    }
}

/// Builds a [`Channel`] with options.
///
/// ```
/// # use std::time::Duration;
/// # use rust_scaffold::{Channel, ConnectError};
/// # fn channel() -> Result<Channel, ConnectError> {
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
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    tls: Option<ClientTls>,
}

impl ChannelBuilder {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            connector: None,
            tcp_nodelay: true,
            options: ChannelOptions::default(),
            user_agent: None,
            #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
            tls: None,
        }
    }

    /// Connects now.
    ///
    /// # Errors
    /// [`ConnectError`] for a malformed address or option, or if the server cannot be reached.
    pub async fn connect(self) -> Result<Channel, ConnectError> {
        let (channel, retry) = self.channel()?;
        retry.connect().await?;
        Ok(channel)
    }

    /// Returns a channel that connects on its first call.
    ///
    /// # Errors
    /// [`ConnectError`] for a malformed address or option.
    pub fn connect_lazy(self) -> Result<Channel, ConnectError> {
        Ok(self.channel()?.0)
    }

    /// The channel, and what connects it.
    fn channel(self) -> Result<(Channel, Arc<RetryTransport>), ConnectError> {
        #[cfg_attr(any(not(feature = "_tls"), target_family = "wasm"), allow(unused_mut))]
        let mut target = Target::parse(&self.address)?;
        #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
        let tls = self.tls_connector(&mut target)?;
        #[cfg(any(not(feature = "_tls"), target_family = "wasm"))]
        if target.is_secure() && self.connector.is_none() {
            return Err(ConnectError::NoTls { address: self.address });
        }
        let mut options = self.options;
        options.check()?;
        if let Some(name) = self.user_agent {
            options.user_agent = format!("{name} {USER_AGENT}").try_into().map_err(|_| {
                let reason = format!("cannot be sent in a header: {name:?} has control characters");
                ConnectError::InvalidOption { option: "user_agent", reason }
            })?;
        }
        let security = match (&target.endpoint, &self.connector) {
            _ if target.is_secure() => ChannelSecurity::Secure,
            // Only processes of this machine that may open the file.
            (Endpoint::Unix(_), None) => ChannelSecurity::Secure,
            _ => ChannelSecurity::Plaintext,
        };
        let (resolver, connector) = match self.connector {
            // Names are its own matter: it may reach them through a proxy.
            Some(connector) => (resolver::passthrough(&target), connector),
            None => {
                let user_timeout = options.keep_alive.tcp_user_timeout();
                let tcp = TcpOptions { nodelay: self.tcp_nodelay, user_timeout };
                (resolver::of_target(&target), Connector::builtin(tcp))
            }
        };
        #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
        let connector = connector.with_tls(tls);
        let keep_alive = ChannelKeepAlive::new(options.keep_alive);
        let node = ChannelNode::new(|| target.address().to_owned(), ChannelState::Idle);
        let subchannel = Subchannel::new(resolver, connector, options.subchannel, keep_alive);
        let picker = SingleSubchannel(subchannel.counted(&node));
        let balancer = Balancer::new(target, options, Box::new(picker));
        let retry = Arc::new(RetryTransport::new(balancer));
        Ok((Channel::from_h2(Arc::clone(&retry), security, node), retry))
    }

    /// Which TLS to speak, if any.
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    fn tls_connector(&self, target: &mut Target) -> Result<Option<TlsConnector>, ConnectError> {
        let tls = match &self.tls {
            Some(tls) => {
                target.secure_unix();
                if !target.is_secure() {
                    let reason =
                        format!("is set, and {} asks for none: use https://", self.address);
                    return Err(ConnectError::InvalidOption { option: "tls", reason });
                }
                tls.clone()
            }
            // A connector speaks it by itself.
            None if target.is_secure() && self.connector.is_none() => ClientTls::new(),
            None => return Ok(None),
        };
        Ok(Some(TlsConnector::new(tls, target.host())?))
    }

    /// Speaks TLS as `tls` says, with CAs of your own or a certificate of the client. The address begins with
    /// `https://`, or with `unix:`. Default: addresses with `https://` are connected to as
    /// [`ClientTls::new`] says. With a [`connector`](Self::connector), TLS is spoken on its connections only
    /// if this is set.
    ///
    /// Making the channel fails with [`ConnectError::Tls`] if a certificate or a key cannot be used.
    ///
    /// ```no_run
    /// # use rust_scaffold::{Channel, ClientTls, ConnectError};
    /// # async fn channel() -> Result<Channel, ConnectError> {
    /// let tls = ClientTls::new().ca("/etc/tls/ca.crt").server_name("calculator.internal");
    /// Channel::builder("https://10.0.0.7:50051").tls(tls).connect().await
    /// # }
    /// ```
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Opens connections with `connect`, which is passed the server's address as a URI with the path `/`.
    /// Use it for proxies, for TLS, or for connections within the process.
    ///
    /// ```
    /// # use rust_scaffold::{Channel, ConnectError};
    /// # async fn channel() -> Result<Channel, ConnectError> {
    /// Channel::builder("http://calculator")
    ///     .connector(|_| tokio::net::TcpStream::connect("127.0.0.1:50051"))
    ///     .connect()
    ///     .await
    /// # }
    /// ```
    #[must_use]
    pub fn connector<C, F, Io>(mut self, connect: C) -> Self
    where
        C: Fn(Uri) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Io>> + Send + 'static,
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connector = Some(Connector::custom(connect));
        self
    }

    /// The protocol of the calls of generated clients. Default: [`Protocol::Grpc`]. Clients of other libraries
    /// write their requests themselves.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.options.protocol = protocol;
        self
    }

    /// The name of the client in `user-agent`, placed before the name of this library.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// The timeout for establishing a connection. Default: 20 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.subchannel.connect_timeout = timeout;
        self
    }

    /// The delay before reconnecting after a failure: `base` after the first, multiplied by 1.6 with each
    /// further failure, up to `max`, with a jitter of ± 20 %. Defaults: one second, two minutes.
    /// Meanwhile, calls fail with `Unavailable` or wait, see [`wait_for_ready`](Self::wait_for_ready).
    ///
    /// A connection that was established and then closed by the server is not a failure, and is replaced
    /// at once. But from the second such connection in a row that has not answered a call, the same
    /// delays apply between connection attempts, and the ninth counts as a failure. See [gRPC's
    /// backoff](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.options.subchannel.backoff =
            Backoff { base: base.min(FOREVER), max: max.min(FOREVER) };
        self
    }

    /// Whether calls wait until there is a connection, up to their deadlines, instead of failing with
    /// `Unavailable` when connecting fails. Default: they fail. A request with a [`WaitForReady`](crate::WaitForReady)
    /// extension overrides this.
    #[must_use]
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.wait_for_ready = wait;
        self
    }

    /// The maximum number of connections, at least 1. Another connection is opened when all existing ones
    /// have reached the server's limit for concurrent streams; at the maximum, calls wait. A call goes to the
    /// connection with the fewest calls. Default: 16.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.subchannel.max_connections = connections.max(1);
        self
    }

    /// Whether TCP sends small packets without delay (`TCP_NODELAY`). Default: true.
    #[must_use]
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.tcp_nodelay = nodelay;
        self
    }

    /// The interval between HTTP/2 keepalive PINGs while there are calls. Default: `None`, no PINGs.
    /// Intervals below 10 seconds are raised to that. Servers close connections that ping too often, and
    /// many allow only one PING in 5 minutes. After a GOAWAY with `too_many_pings`, the channel doubles
    /// the interval.
    ///
    /// See [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.options.keep_alive.set_client_interval(interval);
        self
    }

    /// The timeout for the answer to a keepalive PING. When it ends, the connection is closed and its
    /// calls fail with `Unavailable`. Default: 20 seconds; minimum: 10 milliseconds.
    ///
    /// With an [interval](Self::keep_alive_interval), it is also how long TCP waits for acknowledgements
    /// (`TCP_USER_TIMEOUT`, on Linux, unless a [`connector`](Self::connector) opens the connections), so that calls
    /// notice a dead network before the next PING. See [gRFC
    /// A18](https://github.com/grpc/proposal/blob/master/A18-tcp-user-timeout.md).
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive.set_timeout(timeout);
        self
    }

    /// Whether keepalive PINGs are sent while there are no calls. Default: false.
    #[must_use]
    pub fn keep_alive_while_idle(mut self, ping: bool) -> Self {
        self.options.subchannel.connection.ping_while_idle = ping;
        self
    }

    /// The initial flow-control window of a stream, in bytes: how much of one call's responses may be in
    /// flight or unread. Default: 1 MiB and 64 KiB, which fits a message of 1 MiB in one piece.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.options.subchannel.connection.limits.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The flow-control window of a connection, in bytes: how much of all its responses may be in flight
    /// or unread. Default: 4 MiB.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.options.subchannel.connection.limits.connection_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The memory limit for unread responses of a connection, in bytes. [The connection's
    /// window](Self::initial_connection_window_size) grows by what is unread, so that streams that nobody
    /// reads leave other calls their window, until a full window would take as much memory as this.
    /// Beyond that, the connection stalls until something is read, and a `tracing` event reports it. Each
    /// DATA frame counts as 256 bytes more than its payload. Default: 64 MiB. With less than the connection's
    /// window, the window does not grow.
    #[must_use]
    pub fn max_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.options.subchannel.connection.limits.max_unread = bytes;
        self
    }

    /// The largest HTTP/2 frame that the server may send, in bytes, from 16 KiB to 16 MiB − 1. Default: 1
    /// MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.options.subchannel.connection.limits.max_frame_size =
            bytes.clamp(MIN_FRAME, MAX_FRAME);
        self
    }

    /// The size limit for the headers, and for the trailers, of a response, in bytes as [HTTP/2 counts
    /// them](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE). Default: 16 KiB.
    ///
    /// A call that exceeds it fails with `ResourceExhausted`. Headers of more than 256 times the limit
    /// end the connection.
    #[must_use]
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.options.subchannel.connection.limits.max_header_list_size = bytes;
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

#[cfg(all(test, not(feature = "_tls")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_an_address_that_asks_for_tls_names_it() {
        let error = Channel::connect_lazy("https://localhost").unwrap_err();
        assert!(
            matches!(&error, ConnectError::NoTls { address } if address == "https://localhost")
        );
        assert!(error.to_string().contains("the feature `tls`"), "{error}");
        let connector = |_| tokio::net::TcpStream::connect("127.0.0.1:1");
        Channel::builder("https://localhost").connector(connector).connect_lazy().unwrap();
    }
}
