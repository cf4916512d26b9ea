//! A server that is complete and valid, and what it does from then on.

use std::{future::Future, io};

use tokio_stream::Stream;
#[cfg(feature = "_tls")]
use tokio_stream::StreamExt as _;

#[cfg(feature = "log")]
use super::call_log::CallLog;
#[cfg(feature = "health")]
use super::probe::PreparedProbe;
#[cfg(feature = "_tls")]
use super::tls_handshake::TlsServer;
use super::{
    connections::Connections,
    listener::{Accepted, Listener},
    observer::{Observers, ServiceEntry},
    options::ServerOptions,
    routes::Routes,
};
use crate::h2::server::handshake::Handshake;

/// What a server serves.
pub(super) struct ServedRoutes {
    /// In its interceptors and layers.
    pub(super) routes: Routes,
    pub(super) entries: Vec<ServiceEntry>,
    pub(super) observers: Observers,
    #[cfg(feature = "log")]
    pub(super) call_log: Option<CallLog>,
    #[cfg(feature = "health")]
    pub(super) probe: Option<PreparedProbe>,
}

impl ServedRoutes {
    /// To be called before the first request.
    pub(super) fn starts(&self) {
        self.observers.starts(&self.entries);
    }
}

/// A server whose options are valid and whose certificates have been read.
pub(crate) struct PreparedServer {
    pub(super) services: ServedRoutes,
    pub(super) options: ServerOptions,
    #[cfg(feature = "_tls")]
    pub(super) tls: Option<std::sync::Arc<TlsServer>>,
}

impl PreparedServer {
    /// See [`Server::serve_listener_with_shutdown`](super::Server::serve_listener_with_shutdown).
    pub(crate) async fn serve_listener(
        self,
        listener: impl Listener + Unpin,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let incoming = Accepted { listener, nodelay: self.options.tcp_nodelay };
        self.serve_incoming(incoming, signal).await
    }

    /// See [`Server::serve_incoming_with_shutdown`](super::Server::serve_incoming_with_shutdown).
    pub(super) async fn serve_incoming<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        // First: probes are answered as soon as they are listened for.
        self.services.starts();
        self.services.observers.will_drain();
        #[cfg(feature = "health")]
        let probe = match &self.services.probe {
            Some(probe) => Some(probe.listen().await?),
            None => None,
        };
        #[cfg(feature = "log")]
        let call_log = self.services.call_log.clone();
        let served = self.serve_main(incoming, signal).await;
        // The process may end next.
        #[cfg(feature = "log")]
        if let Some(call_log) = call_log {
            call_log.flush().await;
        }
        // Only now: it has reported the shutdown until here.
        #[cfg(feature = "health")]
        if let Some(mut probe) = probe {
            probe.shutdown().await;
        }
        served
    }

    /// Without the listener for probes.
    async fn serve_main<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let interrupts = self.options.interrupts()?;
        let ServedRoutes { routes, observers, .. } = self.services;
        let connections = Connections::new(routes, self.options, observers);
        #[cfg(feature = "_tls")]
        if let Some(tls) = self.tls {
            let _watching = tls.watch_files();
            let incoming = incoming.map(|accepted| accepted.map(|io| tls.handshake(io)));
            return connections.run(incoming, signal, interrupts).await;
        }
        connections.run(incoming, signal, interrupts).await
    }
}
