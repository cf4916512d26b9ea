//! A second listener, in plaintext, which serves the health of a server and nothing else.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, ToSocketAddrs},
    task::JoinSet,
};

use super::{
    builtins::MakeBuiltins,
    connections::Connections,
    error::ServeError,
    listener::{bind, pause_after},
    observer::Observers,
    options::ServerOptions,
    routes::{RouteTable, Routes},
};
use crate::h2::{server::options::ServerConnectionOptions, stream::Http2Limits};

type Listening = Pin<Box<dyn Future<Output = Result<Arc<TcpListener>, ServeError>> + Send>>;

/// Where probes are answered, and what answers them.
#[derive(Clone)]
pub(crate) struct Probe {
    listen: Arc<dyn Fn() -> Listening + Send + Sync>,
    /// The name of the service that is served, which may be one of the server's.
    service: &'static str,
    /// Makes it for a server that does not have it.
    make: MakeBuiltins,
}

impl Probe {
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
    /// of its own, whose observer is added to `observers`.
    pub(super) fn prepare(self, services: &RouteTable, observers: &mut Observers) -> PreparedProbe {
        let mut routes = services.only(self.service);
        if routes.is_empty() {
            (self.make)().add_to(&mut routes, observers);
        }
        PreparedProbe { listen: self.listen, routes: Routes::new(Arc::new(routes)) }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("service", &self.service).finish_non_exhaustive()
    }
}

/// What listens for probes of a server that is complete.
pub(super) struct PreparedProbe {
    listen: Arc<dyn Fn() -> Listening + Send + Sync>,
    routes: Routes,
}

impl PreparedProbe {
    /// Answers probes until the result is dropped. That closes the listener, and asks open connections to drain,
    /// for which nobody waits.
    pub(super) async fn listen(&self) -> Result<JoinSet<()>, ServeError> {
        let listener = (self.listen)().await?;
        let connections = Connections::new(self.routes.clone(), options(), Observers::default());
        let mut answering = JoinSet::new();
        answering.spawn(answer(listener, connections));
        Ok(answering)
    }
}

async fn answer(listener: Arc<TcpListener>, connections: Connections) {
    loop {
        let permit = connections.permit().await;
        match listener.accept().await.map_err(pause_after) {
            Ok((stream, _)) => connections.serve(stream, permit),
            Err(Ok(pause)) => tokio::time::sleep(pause).await,
            // The server itself goes on: probes fail, which is what they are for.
            Err(Err(error)) => return tracing::error!(%error, "probes are no longer answered"),
        }
    }
}

/// A probe is one short call; what watches has one long one. Whoever takes more must not take the memory of the
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
