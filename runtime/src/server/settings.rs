//! The methods that set a server's options: limits and lifetimes of its connections.

use std::time::Duration;

use tokio::sync::Semaphore;

#[cfg(feature = "web")]
use super::cors::Cors;
#[cfg(feature = "rest")]
use super::rest::OpenApi;
use super::{
    limits::{AdaptiveLimit, Limits},
    proxy::{ForwardedFor, ProxyProtocol},
    serve::Server,
};
use crate::{
    call::deadline::FOREVER,
    h2::stream::{MAX_FRAME, MAX_WINDOW, MIN_FRAME},
};

/// Limits of calls.
impl Server {
    /// Limits the calls of all services together: how many may be in progress, how long each may take, and how
    /// large its messages may be. Default: no limits but those of messages.
    ///
    /// Not limited are calls that the server answers itself, such as those for its health, and those of the
    /// [fallback](Self::fallback).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rust_scaffold::{Limits, Server};
    ///
    /// let server = Server::new()
    ///     .limits(Limits::new().max_concurrent_calls(2000).timeout(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits.server = limits;
        self
    }

    /// Adds limits for methods, by their paths (`/package.Service/Method`), and for services
    /// (`/package.Service/*`). The table may be written in code, or read from a configuration. Limits that were
    /// set for the same path before are replaced.
    ///
    /// Serving fails with [`ServeError::InvalidOption`](crate::ServeError::InvalidOption) if the server has no
    /// such service or method.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rust_scaffold::{Limits, Server};
    ///
    /// let report = Limits::new().max_concurrent_calls(2).timeout(Duration::from_secs(300));
    /// let orders = Limits::new().timeout(Duration::from_secs(5));
    /// let server = Server::new()
    ///     .limits_by_path([("/shop.Orders/*", orders), ("/shop.Orders/Report", report)]);
    /// ```
    #[must_use]
    pub fn limits_by_path<P: Into<String>>(
        mut self,
        limits: impl IntoIterator<Item = (P, Limits)>,
    ) -> Self {
        let limits = limits.into_iter().map(|(path, limits)| (path.into(), limits));
        self.limits.by_path.extend(limits);
        self
    }

    /// Refuses calls that the server is too busy for, by a limit that it finds itself. Default: none. See
    /// [`AdaptiveLimit`].
    ///
    /// ```
    /// use rust_scaffold::{AdaptiveLimit, Server};
    ///
    /// let server = Server::new().adaptive_limit(AdaptiveLimit::new());
    /// ```
    #[must_use]
    pub fn adaptive_limit(mut self, limit: AdaptiveLimit) -> Self {
        self.limits.adaptive = Some(limit);
        self
    }
}

/// Who calls, behind proxies.
impl Server {
    /// Takes connections of proxies that begin with a header of the [PROXY protocol], version 1 or 2, as HAProxy
    /// (`send-proxy`), nginx, Envoy and load balancers of clouds send it when they pass on TCP. Default: none do.
    ///
    /// The addresses in the header are then those of the connection, for everyone who asks: handlers and interceptors
    /// ([`ConnectInfo`](crate::ConnectInfo), whose `proxy` is the connection of the proxy itself), the log, spans, and
    /// channelz. Where the header tells none, as in the health checks of the proxy (`LOCAL`, `UNKNOWN`), they stay those
    /// of the proxy. Extensions (TLVs) are skipped. What a [`Handshake`](crate::Handshake) of your own has learned stays in
    /// the [`extensions`](crate::ConnectInfo::extensions), and is in those of the `proxy` as well.
    ///
    /// It is read before TLS, within [`handshake_timeout`](Self::handshake_timeout), on each connection of the server,
    /// behind its own [`Handshake`](crate::Handshake) if that is not a socket. The protocol forbids to guess: a connection
    /// without a header is closed, and so is one whose peer is not trusted; the log says so, as a warning for the first of
    /// either kind, and as events of level `DEBUG` for the others. Not on ports for probes and for administrators, which no
    /// proxy is in front of.
    ///
    /// Serving fails with [`ServeError::InvalidOption`](crate::ServeError::InvalidOption) if a network of the proxies is
    /// none.
    ///
    /// ```
    /// use rust_scaffold::{ProxyProtocol, Server};
    ///
    /// let server = Server::new().proxy_protocol(ProxyProtocol::from_trusted(["10.0.0.0/8", "fd00::/8"]));
    /// ```
    ///
    /// [PROXY protocol]: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
    #[must_use]
    pub fn proxy_protocol(mut self, protocol: ProxyProtocol) -> Self {
        self.options.proxy_protocol = Some(protocol);
        self
    }

    /// Finds the client of each request in `x-forwarded-for`, which proxies add that pass on HTTP. Default: nobody looks
    /// at the header.
    ///
    /// The address is a [`ClientIp`](crate::ClientIp) in the extensions of the request, for handlers and layers,
    /// [`InterceptedCall::client_ip`](crate::InterceptedCall::client_ip) for interceptors, and in the log. Requests also
    /// carry a [`ConnectInfo`](crate::ConnectInfo), which is about the connection and so about the last proxy. Behind
    /// [`proxy_protocol`](Self::proxy_protocol), its peer is the one that the header of the connection tells.
    ///
    /// It is about requests on connections: where another server serves them ([`into_service`](Self::into_service)), a
    /// layer of that server, around these routes, has to add a `ConnectInfo`. One of [`layer`](Self::layer) comes too late.
    ///
    /// Serving fails with [`ServeError::InvalidOption`](crate::ServeError::InvalidOption) if a network of the proxies is
    /// none.
    ///
    /// ```
    /// use rust_scaffold::{ForwardedFor, Server};
    ///
    /// let server = Server::new().forwarded_for(ForwardedFor::from_trusted(["10.0.0.0/8"]));
    /// ```
    #[must_use]
    pub fn forwarded_for(mut self, forwarded: ForwardedFor) -> Self {
        self.forwarded_for = Some(forwarded);
        self
    }
}

/// Options of connections.
impl Server {
    /// Whether TCP sends small packets without delay (`TCP_NODELAY`). Default: true.
    #[must_use]
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.options.tcp_nodelay = nodelay;
        self
    }

    /// Lets web pages of other origins call this server from browsers, as `cors` says. Default: those of its own origin
    /// alone. Needs the feature `web`.
    ///
    /// ```
    /// use rust_scaffold::{Cors, Server};
    ///
    /// let server = Server::new().cors(Cors::allow_origins(["https://app.example.com"]));
    /// assert!(server.into_service().is_ok());
    /// ```
    ///
    /// It is around everything else: what browsers ask beforehand is answered without asking anybody, and is not logged.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn cors(mut self, cors: Cors) -> Self {
        self.cors = Some(cors);
        self
    }

    /// Whether methods with rules of `google.api.http` are called by REST. Default: true. Needs the feature `rest`, which
    /// another crate of the program may have switched on.
    ///
    /// If it is false, there is no description of them ([`openapi`](Self::openapi)) either.
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn accept_rest(mut self, accept: bool) -> Self {
        self.refuses_rest = !accept;
        self
    }

    /// Describes what is called by REST in a document of OpenAPI, at a path. Default: without. Needs the feature `rest`.
    ///
    /// It is behind the layers, and answered to whomever they let pass. Methods of HTTP that OpenAPI 3.1 does not have
    /// are left out. Of the query parameters of an operation, a hundred are listed, and its description says how many
    /// more there are.
    ///
    /// Serving fails with [`ServeError::InvalidOption`](crate::ServeError::InvalidOption) if the path is none, or that of
    /// another page.
    ///
    /// ```
    /// use rust_scaffold::Server;
    ///
    /// let server = Server::new().openapi("/openapi.json");
    /// assert!(server.into_service().is_ok());
    /// ```
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn openapi(mut self, api: impl Into<OpenApi>) -> Self {
        self.openapi = Some(api.into());
        self
    }

    /// Whether clients may speak HTTP/1.1 on the port on which they speak HTTP/2. Default: true. Needs the feature
    /// `http1`.
    ///
    /// All that is served is served over both, but gRPC itself: it needs HTTP/2, and gets HTTP status 505 over
    /// HTTP/1.1, where gRPC-Web and Connect, the feature `web`, take its place. Options of connections hold for both, as far as
    /// HTTP/1.1 has what they are about; there, a connection has one call at a time.
    #[cfg(feature = "http1")]
    #[must_use]
    pub fn accept_http1(mut self, accept: bool) -> Self {
        self.options.connection.accept_http1 = accept;
        self
    }

    /// Whether requests carry a [`ConnectInfo`](crate::ConnectInfo) in their extensions, for layers and
    /// handlers; with the feature `tonic-transport`, those over TCP also carry tonic's own, for
    /// `Request::remote_addr`. Default: false, because it takes memory for every call; with
    /// [`forwarded_for`](Self::forwarded_for), they always do.
    #[must_use]
    pub fn connect_info(mut self, enabled: bool) -> Self {
        self.options.connection.connect_info = enabled;
        self
    }

    /// How long a handler may compute before its first wait while it runs on the connection's task, where
    /// it delays the other calls. After three slow calls in a row, calls of that method get tasks of
    /// their own, until another try some calls later is quick. Default: 50 microseconds. With zero, every
    /// call gets its own task.
    #[must_use]
    pub fn inline_limit(mut self, time: Duration) -> Self {
        self.options.connection.inline_limit = time;
        self
    }

    /// The initial flow-control window of a stream, in bytes: how much of one call's requests may be in
    /// flight or unread. Default: 1 MiB and 64 KiB, which fits a message of 1 MiB in one piece.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.options.connection.limits.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The flow-control window of a connection, in bytes: how much of all its requests may be in flight
    /// or unread. Default: 4 MiB.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.options.connection.limits.connection_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The memory limit for unread requests of a connection, in bytes. [The connection's
    /// window](Self::initial_connection_window_size) grows by what is unread, so that handlers that do
    /// not read leave other calls their window, until a full window would take as much memory as this.
    /// Beyond that, the connection stalls until something is read, and a `tracing` event reports it. Each
    /// DATA frame counts as 256 bytes more than its payload. Default: 64 MiB. With less than the connection's
    /// window, the window does not grow.
    #[must_use]
    pub fn max_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.options.connection.limits.max_unread = bytes;
        self
    }

    /// The largest HTTP/2 frame that clients may send, in bytes, from 16 KiB to 16 MiB − 1. Default: 1
    /// MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.options.connection.limits.max_frame_size = bytes.clamp(MIN_FRAME, MAX_FRAME);
        self
    }

    /// The size limit for the headers of a request, in bytes as [HTTP/2 counts
    /// them](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE). Default: 16 KiB.
    ///
    /// A call that exceeds it fails with `ResourceExhausted`; with more than 16 times the limit, it gets
    /// HTTP status 431. Headers of more than 64 times the limit end the connection.
    #[must_use]
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.options.connection.limits.max_header_list_size = bytes;
        self
    }

    /// The maximum number of concurrent calls on a connection, at least 1. Default: 1000.
    #[must_use]
    pub fn max_concurrent_streams(mut self, calls: u32) -> Self {
        self.options.connection.max_concurrent_streams = calls;
        self
    }

    /// The maximum number of connections, at least 1, with those whose handshakes are in progress. Further
    /// ones wait to be accepted. Default: 65,536.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections.min(Semaphore::MAX_PERMITS);
        self
    }

    /// How many calls of a connection the client may reset before the server has processed them. One more
    /// closes the connection (the "rapid reset" attack, CVE-2023-44487). Each processed call makes up for
    /// ten resets, so that clients are not blamed for a server that is slow for a while. Default: 10,000.
    #[must_use]
    pub fn max_pending_accept_reset_streams(mut self, calls: usize) -> Self {
        self.options.connection.max_pending_accept_reset_streams = calls;
        self
    }

    /// The timeout for the handshakes on a new connection: its own, if it has a
    /// [`Handshake`](crate::Handshake), and HTTP/2's, together. When it ends, the connection is closed.
    /// Default: 10 seconds.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.options.connection.handshake_timeout = timeout;
        self
    }

    /// The interval between HTTP/2 keepalive PINGs to clients, or `None` for no PINGs. Default: 5
    /// minutes; minimum: 1 second.
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.options.connection.keep_alive.set_server_interval(interval);
        self
    }

    /// The timeout for the answer to a keepalive PING. When it ends, the connection is closed. Default:
    /// 20 seconds; minimum: 10 milliseconds.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.connection.keep_alive.set_timeout(timeout);
        self
    }

    /// The shortest interval at which a client with calls may ping. After three early PINGs without
    /// anything sent to the client in between, the connection is closed with GOAWAY `too_many_pings`.
    /// Default: 5 minutes; zero allows any number.
    ///
    /// See [gRFC
    /// A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#server-enforcement).
    #[must_use]
    pub fn permit_keep_alive_interval(mut self, interval: Duration) -> Self {
        self.options.connection.ping_policy.interval = interval;
        self
    }

    /// Whether the same interval applies to clients without calls. Default: false, they may ping every
    /// two hours.
    #[must_use]
    pub fn permit_keep_alive_while_idle(mut self, permit: bool) -> Self {
        self.options.connection.ping_policy.while_idle = permit;
        self
    }

    /// How long a connection may be without calls before it is closed, or `None` for no limit. Default:
    /// 30 minutes. Clients reconnect when they need to.
    #[must_use]
    pub fn max_connection_idle(mut self, time: Option<Duration>) -> Self {
        self.options.connection.max_connection_idle = time.map(|time| time.min(FOREVER));
        self
    }

    /// The maximum age of a connection, after which it is drained, for example to spread clients over
    /// servers. Default: `None`, no limit. A jitter of ± 10 % keeps clients from reconnecting all at
    /// once. For calls in progress, see [`max_connection_age_grace`](Self::max_connection_age_grace).
    ///
    /// See [gRFC A9](https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md).
    #[must_use]
    pub fn max_connection_age(mut self, age: Option<Duration>) -> Self {
        self.options.connection.max_connection_age = age.map(|age| age.min(FOREVER));
        self
    }

    /// How long calls may continue after their connection has reached its maximum age. The handlers of those
    /// that take longer are dropped, and they end with `Unavailable`. Default: `None`, no limit.
    #[must_use]
    pub fn max_connection_age_grace(mut self, grace: Option<Duration>) -> Self {
        self.options.connection.max_connection_age_grace = grace.map(|grace| grace.min(FOREVER));
        self
    }

    /// How long the server goes on after shutdown has begun, before it closes its listener and drains its
    /// connections: its [health](Self::health) is `NOT_SERVING`, but it accepts connections and serves calls.
    /// Default: zero.
    ///
    /// In this time, which is also called *lame duck*, load balancers and clients learn that they are to
    /// look elsewhere; those that have not yet done so find a server that still serves. In Kubernetes, set it to
    /// about 5 seconds: a pod is told to end before all nodes know that it gets no more connections.
    #[must_use]
    pub fn shutdown_delay(mut self, delay: Duration) -> Self {
        self.options.shutdown_delay = delay.min(FOREVER);
        self
    }

    /// How long calls may continue after the server has begun to drain its connections, which is
    /// [`shutdown_delay`](Self::shutdown_delay) after the beginning of its shutdown. The handlers of those that take
    /// longer are dropped, and they end with `Unavailable`. `None` waits for as long as it takes. Default: 20
    /// seconds.
    ///
    /// Together with `shutdown_delay`, it should be shorter than what the orchestrator waits before it kills the
    /// process: Kubernetes 30 seconds, systemd 90, Docker 10.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.connection.shutdown_timeout = timeout.map(|timeout| timeout.min(FOREVER));
        self
    }

    /// Shuts down when the process is asked to end: on Unix by SIGTERM or by Ctrl-C (SIGINT), on Windows by Ctrl-C,
    /// Ctrl-Break, the end of the console or of the system. Whichever function serves, it returns when shutdown is
    /// complete; see [`serve_with_shutdown`](Self::serve_with_shutdown), whose own signal begins shutdown as well. Needs
    /// the feature `signal`.
    ///
    /// A second signal forces it: calls in progress end with `Unavailable` at once, and serving returns as soon as
    /// clients have read that, after one second or two if they do not. Serving returns `Ok` then, too: it has ended as
    /// it was asked to.
    ///
    /// Serving fails with [`ServeError::Signal`](crate::ServeError::Signal) if the signals cannot be received. From
    /// when it begins, and also when it has ended, these signals no longer end the process by themselves.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rust_scaffold::Server;
    ///
    /// # async fn serve() -> std::io::Result<()> {
    /// Server::new()
    ///     .shutdown_on_signal()
    ///     .shutdown_delay(Duration::from_secs(5))
    ///     .serve("[::]:50051")
    ///     .await
    /// # }
    /// ```
    #[cfg(feature = "signal")]
    #[must_use]
    pub fn shutdown_on_signal(mut self) -> Self {
        self.options.shutdown_on_signal = true;
        self
    }
}
