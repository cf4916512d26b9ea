//! Further listeners of a server, in plaintext, each of which serves one service and nothing else: its health for
//! probes, or what administrators look at.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, ToSocketAddrs},
    task::JoinSet,
};

#[cfg(feature = "http1")]
use super::local_hosts::LocalHosts;
#[cfg(feature = "admin")]
use super::observer::BuildInfo;
use super::{
    builtins::MakeBuiltins,
    connections::Connections,
    error::ServeError,
    listener::{bind, pause_after},
    observer::Observers,
    options::ServerOptions,
    routes::{RouteTable, Routes},
};
use crate::{
    channelz::ServerNode,
    connection::http_service::HttpService,
    h2::{server::options::ServerConnectionOptions, stream::Http2Limits},
};

type Listening = Pin<Box<dyn Future<Output = Result<Arc<TcpListener>, ServeError>> + Send>>;

/// A listener, and the service that is served on it.
#[derive(Clone)]
pub(crate) struct SideListener {
    listen: Arc<dyn Fn() -> Listening + Send + Sync>,
    /// The name of the service that is served, which may be one of the server's.
    service: &'static str,
    /// Makes it for a server that does not have it, and pages beside it.
    make: MakeBuiltins,
}

impl SideListener {
    /// Listens on `address` once the server serves.
    pub(crate) fn bound_to<A>(address: A, service: &'static str, make: MakeBuiltins) -> Self
    where
        A: ToSocketAddrs + Clone + Send + Sync + 'static,
    {
        let listen = move || -> Listening {
            let address = address.clone();
            Box::pin(async move { bind(address).await.map(Arc::new) })
        };
        Self { listen: Arc::new(listen), service, make }
    }

    /// Listens on `listener`, which clones of a server share.
    pub(crate) fn on(listener: TcpListener, service: &'static str, make: MakeBuiltins) -> Self {
        let listener = Arc::new(listener);
        let listen =
            move || -> Listening { Box::pin(std::future::ready(Ok(Arc::clone(&listener)))) };
        Self { listen: Arc::new(listen), service, make }
    }

    /// With the service as it is among those of the server, without interceptors and layers, or else with one
    /// of its own. What observes the server for it, or for the pages beside it, is added to `observers`.
    fn prepare(&self, services: &RouteTable, observers: &mut Observers) -> PreparedSideListener {
        let mut routes = services.only(self.service);
        let mut builtins = (self.make)();
        if !routes.is_empty() {
            builtins.services.clear();
        }
        builtins.add_to(&mut routes, observers);
        let routes: Arc<dyn HttpService> = Arc::new(routes);
        #[cfg(feature = "http1")]
        let routes: Arc<dyn HttpService> = Arc::new(LocalHosts(routes));
        let routes = Routes::new(routes);
        PreparedSideListener { listen: Arc::clone(&self.listen), service: self.service, routes }
    }
}

/// The side listeners of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct SideListeners {
    #[cfg(feature = "health")]
    pub(crate) probe: Option<SideListener>,
    #[cfg(feature = "admin")]
    pub(crate) admin: Option<SideListener>,
    /// What administrators are told that the server is a build of.
    #[cfg(feature = "admin")]
    pub(crate) build: Option<BuildInfo>,
}

impl SideListeners {
    /// See [`SideListener::prepare`].
    pub(super) fn prepare(
        &self,
        services: &RouteTable,
        observers: &mut Observers,
    ) -> Vec<PreparedSideListener> {
        let mut listeners = Vec::new();
        #[cfg(feature = "health")]
        listeners.extend(&self.probe);
        #[cfg(feature = "admin")]
        listeners.extend(&self.admin);
        let prepared =
            listeners.into_iter().map(|listener| listener.prepare(services, observers)).collect();
        #[cfg(feature = "admin")]
        self.build.iter().for_each(|build| observers.is_build(build));
        prepared
    }
}

impl fmt::Debug for SideListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideListener").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A listener of a server that is complete.
pub(super) struct PreparedSideListener {
    listen: Arc<dyn Fn() -> Listening + Send + Sync>,
    service: &'static str,
    routes: Routes,
}

impl PreparedSideListener {
    /// Serves it until the result is dropped. That closes the listener, and asks open connections to drain,
    /// for which nobody waits.
    pub(super) async fn listen(&self) -> Result<JoinSet<()>, ServeError> {
        let listener = (self.listen)().await?;
        // Not counted: who looks would look at itself.
        let connections = Connections::new(
            self.routes.clone(),
            options(),
            Observers::default(),
            ServerNode::default(),
        );
        let mut answering = JoinSet::new();
        answering.spawn(answer(listener, connections, self.service));
        Ok(answering)
    }
}

async fn answer(listener: Arc<TcpListener>, connections: Connections, service: &'static str) {
    loop {
        let permit = connections.permit().await;
        match listener.accept().await.map_err(pause_after) {
            Ok((stream, _)) => connections.serve(stream, permit),
            Err(Ok(pause)) => tokio::time::sleep(pause).await,
            // The server itself goes on: probes fail, which is what they are for.
            Err(Err(error)) => {
                return tracing::error!(%error, service, "the listener of a service accepts no more");
            }
        }
    }
}

/// A probe is one short call, as is a look at channelz; what watches has one long one. Whoever takes more must not take the memory of the
/// server, nor keep others from asking.
fn options() -> ServerOptions {
    const WINDOW: u32 = 64 * 1024;
    ServerOptions {
        max_connections: 256,
        connection: ServerConnectionOptions {
            limits: Http2Limits {
                stream_window: WINDOW,
                connection_window: WINDOW,
                max_unread: WINDOW as usize,
                max_frame_size: 16 * 1024,
                max_header_list_size: 8 * 1024,
            },
            max_concurrent_streams: 16,
            max_pending_accept_reset_streams: 100,
            handshake_timeout: Duration::from_secs(3),
            max_connection_idle: Some(Duration::from_secs(60)),
            // A watch has been told of the shutdown long before.
            shutdown_timeout: Some(Duration::from_secs(1)),
            ..ServerConnectionOptions::default()
        },
        ..ServerOptions::default()
    }
}
