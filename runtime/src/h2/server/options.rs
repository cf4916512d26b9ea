//! The options of a connection.

use std::time::Duration;

use super::ping_strikes::PingPolicy;
use crate::h2::{keep_alive::KeepAliveOptions, stream::Http2Limits};

/// The methods of [`Server`](crate::Server) with the same names document these.
#[derive(Clone, Debug)]
pub(crate) struct ServerConnectionOptions {
    pub(crate) limits: Http2Limits,
    #[cfg_attr(not(feature = "http1"), allow(dead_code, reason = "nobody speaks it"))]
    pub(crate) accept_http1: bool,
    pub(crate) max_concurrent_streams: u32,
    pub(crate) max_pending_accept_reset_streams: usize,
    pub(crate) connect_info: bool,
    pub(crate) inline_limit: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) keep_alive: KeepAliveOptions,
    pub(crate) ping_policy: PingPolicy,
    pub(crate) max_connection_idle: Option<Duration>,
    pub(crate) max_connection_age: Option<Duration>,
    pub(crate) max_connection_age_grace: Option<Duration>,
    pub(crate) shutdown_timeout: Option<Duration>,
}

impl Default for ServerConnectionOptions {
    fn default() -> Self {
        Self {
            limits: Http2Limits::default(),
            accept_http1: cfg!(feature = "http1"),
            max_concurrent_streams: 1000,
            max_pending_accept_reset_streams: 10_000,
            connect_info: false,
            inline_limit: Duration::from_micros(50),
            handshake_timeout: Duration::from_secs(10),
            keep_alive: KeepAliveOptions {
                interval: Some(Duration::from_secs(5 * 60)),
                timeout: Duration::from_secs(20),
            },
            ping_policy: PingPolicy { interval: Duration::from_secs(5 * 60), while_idle: false },
            max_connection_idle: Some(Duration::from_secs(30 * 60)),
            max_connection_age: None,
            max_connection_age_grace: None,
            shutdown_timeout: Some(Duration::from_secs(20)),
        }
    }
}
