//! How a [`Server`] gets its health service.

use std::sync::{Arc, atomic::AtomicBool};

use tokio::net::{TcpListener, ToSocketAddrs};
use tonic::server::NamedService as _;

use super::{
    generated::HealthServer,
    reporter::{HealthReporter, ReportedServer},
    service::HealthService,
};
use crate::server::{
    Server,
    builtins::{BuiltinServices, MakeBuiltins},
    side_listener::SideListener,
};

/// The longest request that is read. It holds the name of a service, which a watch keeps for as long as it runs.
const MAX_REQUEST: usize = 4096;

impl Server {
    /// Serves the health of this server and of its services to probes of Kubernetes and others, to load balancers
    /// and to clients, as `grpc.health.v1.Health`. Needs the feature `health`.
    ///
    /// Every service is `SERVING`, whether it is added before or after this, and so is `""`, the server as a
    /// whole. When shutdown begins, every service turns `NOT_SERVING`, and calls that watch one end after they
    /// have reported that; those that begin later end with the drain. To set the status of a service, use [`health_with`](Self::health_with).
    ///
    /// ```
    /// use rust_scaffold::Server;
    /// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
    ///
    /// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
    /// #     calculator: ServiceServer<D, S>,
    /// # ) -> std::io::Result<()> {
    /// Server::new().health().add_service(calculator).serve("[::]:50051").await
    /// # }
    /// ```
    ///
    /// As with any other service, [interceptors](Self::intercept) and [layers](Self::layer) of the server see its
    /// calls. Those that ask for credentials have to let probes through, which bring none: their paths begin with
    /// `/grpc.health.v1.Health/`.
    ///
    /// See [the health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
    #[must_use]
    pub fn health(self) -> Self {
        self.add_builtins(make_health())
    }

    /// Serves the health of this server and of its services, as [`health`](Self::health) does, with a status for
    /// each that `reporter` sets. Needs the feature `health`.
    ///
    /// If several servers share a reporter, each reports the services of all, and the first to shut down shuts it
    /// down for all.
    ///
    /// A server that others serve ([`into_service`](Self::into_service)) does not hear of their shutdown: call
    /// [`HealthReporter::shut_down`] when it begins, which ends the watches, too, and those that begin afterwards.
    #[must_use]
    pub fn health_with(self, reporter: &HealthReporter) -> Self {
        let reporter = reporter.clone();
        self.add_builtins(Arc::new(move || builtin(reporter.clone())))
    }

    /// Answers probes on a second port, in plaintext: it serves `grpc.health.v1.Health` and nothing else. Kubelets and
    /// load balancers that speak no TLS, or have no certificate, ask there. Needs the feature `health`.
    ///
    /// ```
    /// use rust_scaffold::Server;
    /// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
    ///
    /// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
    /// #     calculator: ServiceServer<D, S>,
    /// # ) -> std::io::Result<()> {
    /// Server::new().probe("[::]:8086").add_service(calculator).serve("[::]:50051").await
    /// # }
    /// ```
    ///
    /// The statuses are those of [`health`](Self::health) or [`health_with`](Self::health_with), if the server has
    /// either, and those that `health` would have, if not. Interceptors and layers of the server do not see these
    /// calls, nor do its options apply: there may be 256 connections, with 16 calls each.
    ///
    /// It is listened on when serving starts, which fails with [`ServeError::Bind`](crate::ServeError::Bind) if that
    /// does. Probes are answered until serving ends: while the server drains, with `NOT_SERVING`. An open
    /// connection or watch here delays nothing. A second call replaces the first one's address.
    ///
    /// A server that others serve ([`into_service`](Self::into_service)) has no such port.
    #[must_use]
    pub fn probe(mut self, address: impl ToSocketAddrs + Clone + Send + Sync + 'static) -> Self {
        let listener = SideListener::bound_to(address, NAME, make_health());
        self.side_listeners().probe = Some(listener);
        self
    }

    /// Answers probes on a bound `listener`, as [`probe`](Self::probe) does on an address. Clones of a server that
    /// serve at the same time take turns. Needs the feature `health`.
    ///
    /// ```
    /// # async fn serve() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// println!("answering probes on {}", listener.local_addr()?);
    /// rust_scaffold::Server::new().probe_listener(listener).serve("[::]:50051").await
    /// # }
    /// ```
    #[must_use]
    pub fn probe_listener(mut self, listener: TcpListener) -> Self {
        self.side_listeners().probe = Some(SideListener::on(listener, NAME, make_health()));
        self
    }
}

const NAME: &str = HealthServer::<HealthService>::NAME;

/// Makes the service for a server with a reporter of its own.
fn make_health() -> MakeBuiltins {
    Arc::new(|| builtin(HealthReporter::new()))
}

fn builtin(reporter: HealthReporter) -> BuiltinServices {
    let drains = Arc::<AtomicBool>::default();
    let service = HealthService { reporter: reporter.clone(), drains: Arc::clone(&drains) };
    let service = HealthServer::new(service).max_decoding_message_size(MAX_REQUEST);
    let observer = Arc::new(ReportedServer { reporter, drains });
    BuiltinServices { services: vec![service.served], pages: None, observer }
}
