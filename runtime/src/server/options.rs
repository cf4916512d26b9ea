//! The values of a server's options.

use std::time::Duration;

use super::{error::ServeError, interrupts::Interrupts, proxy::ProxyProtocol};
use crate::h2::server::options::ServerConnectionOptions;

/// The methods of [`Server`](crate::Server) with the same names document these.
#[derive(Clone, Debug)]
pub(super) struct ServerOptions {
    pub(super) tcp_nodelay: bool,
    pub(super) max_connections: usize,
    pub(super) shutdown_delay: Duration,
    pub(super) proxy_protocol: Option<ProxyProtocol>,
    #[cfg(feature = "signal")]
    pub(super) shutdown_on_signal: bool,
    pub(super) connection: ServerConnectionOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            tcp_nodelay: true,
            max_connections: 65_536,
            shutdown_delay: Duration::ZERO,
            proxy_protocol: None,
            #[cfg(feature = "signal")]
            shutdown_on_signal: false,
            connection: ServerConnectionOptions::default(),
        }
    }
}

impl ServerOptions {
    /// Rejects values with which every call would fail.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        let connection = &self.connection;
        let is_zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        let zeros = [
            ("max_connections", self.max_connections == 0),
            ("max_concurrent_streams", connection.max_concurrent_streams == 0),
            ("handshake_timeout", connection.handshake_timeout.is_zero()),
            ("max_connection_idle", is_zero(connection.max_connection_idle)),
            ("max_connection_age", is_zero(connection.max_connection_age)),
        ];
        let mut zeros = zeros.into_iter().chain(connection.limits.zeros());
        match zeros.find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ServeError::zero(name)),
            None => Ok(()),
        }
    }

    /// Listens for the signals that shut the server down, if there are to be any.
    #[cfg_attr(
        not(feature = "signal"),
        allow(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "there are none to listen for"
        )
    )]
    pub(super) fn interrupts(&self) -> Result<Interrupts, ServeError> {
        #[cfg(feature = "signal")]
        if self.shutdown_on_signal {
            return Interrupts::listen();
        }
        Ok(Interrupts::ignored())
    }
}
