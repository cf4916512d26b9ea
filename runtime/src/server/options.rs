//! What a server's connections may take, and how long they may last.

use std::time::Duration;

use crate::wire::{h2::Sizes, keep_alive::Pings};

/// See the methods of [`Server`](crate::Server) of the same names.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) tcp_nodelay: bool,
    pub(super) sizes: Sizes,
    pub(super) max_connections: usize,
    pub(super) max_concurrent_streams: u32,
    pub(super) max_pending_accept_reset_streams: usize,
    pub(super) connect_info: bool,
    pub(super) inline_limit: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) keep_alive: Pings,
    pub(super) max_connection_idle: Option<Duration>,
    pub(super) max_connection_age: Option<Duration>,
    pub(super) max_connection_age_grace: Option<Duration>,
    pub(super) shutdown_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tcp_nodelay: true,
            sizes: Sizes::default(),
            max_connections: 65_536,
            max_concurrent_streams: 1000,
            max_pending_accept_reset_streams: 20,
            connect_info: false,
            inline_limit: Duration::from_micros(50),
            handshake_timeout: Duration::from_secs(10),
            keep_alive: Pings {
                interval: Some(Duration::from_secs(5 * 60)),
                timeout: Duration::from_secs(20),
            },
            max_connection_idle: Some(Duration::from_secs(30 * 60)),
            max_connection_age: None,
            max_connection_age_grace: None,
            shutdown_timeout: None,
        }
    }
}
