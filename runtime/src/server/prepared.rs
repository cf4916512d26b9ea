//! A server that is complete and valid, and what it does from then on.

use std::{future::Future, io, sync::Arc};

use tokio_stream::{Stream, StreamExt as _};

#[cfg(feature = "log")]
use super::call_log::CallLog;
#[cfg(any(feature = "admin", feature = "health"))]
use super::side_listener::PreparedSideListener;
#[cfg(feature = "_tls")]
use super::tls_handshake::TlsServer;
use super::{
    connections::Connections,
    error::ServeError,
    listener::{Accepted, Listener},
    observer::{Exposure, Observers, ServiceEntry},
    options::ServerOptions,
    proxy::ProxyReader,
    routes::Routes,
};
use crate::{
    channelz::{ServerNode, SocketAddress},
    connection::handshake::Handshake,
};

/// What a server serves.
pub(super) struct ServedRoutes {
    /// In its interceptors and layers.
    pub(super) routes: Routes,
    pub(super) entries: Vec<ServiceEntry>,
    pub(super) observers: Observers,
    #[cfg(feature = "log")]
    pub(super) call_log: Option<CallLog>,
    #[cfg(any(feature = "admin", feature = "health"))]
    pub(super) side_listeners: Vec<PreparedSideListener>,
}

impl ServedRoutes {
    /// To be called before the first request. Fails if they must not be served where they can be reached like that.
    pub(super) fn start(&self, exposure: Exposure<'_>) -> Result<(), ServeError> {
        self.observers.may_serve(exposure)?;
        self.observers.starts(&self.entries);
        Ok(())
    }
}

/// A server whose options are valid and whose certificates have been read.
pub(crate) struct PreparedServer {
    pub(super) services: ServedRoutes,
    pub(super) options: ServerOptions,
    #[cfg(feature = "_tls")]
    pub(super) tls: Option<Arc<TlsServer>>,
    pub(super) proxies: Arc<ProxyReader>,
    /// Whether it is told of clients by proxies.
    pub(super) expects_proxies: bool,
    /// As which it is counted. None until it serves.
    pub(super) node: ServerNode,
}

impl PreparedServer {
    /// See [`Server::serve_listener_with_shutdown`](super::Server::serve_listener_with_shutdown).
    pub(crate) async fn serve_listener(
        mut self,
        listener: impl Listener + Unpin,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.node = ServerNode::new();
        let address = listener.local_address();
        self.node.listens_on(|| address.clone());
        let incoming = Accepted { listener, nodelay: self.options.tcp_nodelay };
        self.serve_incoming(address, incoming, signal).await
    }

    /// See [`Server::serve_incoming_with_shutdown`](super::Server::serve_incoming_with_shutdown).
    pub(super) async fn serve_incoming<C: Handshake>(
        mut self,
        address: Option<SocketAddress>,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        if !self.node.is_counted() {
            self.node = ServerNode::new();
        }
        // First: probes are answered as soon as they are listened for.
        self.services.start(match &address {
            _ if self.expects_proxies => Exposure::Proxies,
            Some(address) => Exposure::Address(address),
            None => Exposure::Unknown,
        })?;
        self.services.observers.will_drain();
        #[cfg(any(feature = "admin", feature = "health"))]
        let mut listening = Vec::new();
        #[cfg(any(feature = "admin", feature = "health"))]
        for listener in &self.services.side_listeners {
            listening.push(listener.listen().await?);
        }
        #[cfg(feature = "log")]
        let call_log = self.services.call_log.clone();
        let served = self.serve_main(incoming, signal).await;
        // The process may end next.
        #[cfg(feature = "log")]
        if let Some(call_log) = call_log {
            call_log.flush().await;
        }
        // Only now: they have reported the shutdown until here.
        #[cfg(any(feature = "admin", feature = "health"))]
        for mut listener in listening {
            listener.shutdown().await;
        }
        served
    }

    /// Without the side listeners.
    async fn serve_main<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let interrupts = self.options.interrupts()?;
        let ServedRoutes { routes, observers, .. } = self.services;
        let connections = Connections::new(routes, self.options, observers, self.node);
        let incoming = incoming.map(|accepted| accepted.map(|io| self.proxies.handshake(io)));
        #[cfg(feature = "_tls")]
        if let Some(tls) = self.tls {
            let _watching = tls.watch_files();
            let incoming = incoming.map(|accepted| accepted.map(|io| tls.handshake(io)));
            return connections.run(incoming, signal, interrupts).await;
        }
        connections.run(incoming, signal, interrupts).await
    }
}
