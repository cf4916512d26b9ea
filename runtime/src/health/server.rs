//! How a [`Server`] gets its health service.

use std::sync::Arc;

use super::{generated::HealthServer, reporter::HealthReporter, service::HealthService};
use crate::server::Server;

/// The longest request that is read. It holds the name of a service, which a watch keeps for as long as it runs.
const MAX_REQUEST: usize = 4096;

impl Server {
    /// Serves the health of this server and of its services to probes of Kubernetes and others, to load balancers
    /// and to clients, as `grpc.health.v1.Health`. Needs the feature `health`.
    ///
    /// Every service is `SERVING`, whether it is added before or after this, and so is `""`, the server as a
    /// whole. When shutdown begins, every service turns `NOT_SERVING`, and calls that watch one end after they
    /// have told so. To set the status of a service, use [`health_with`](Self::health_with).
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
        self.health_with(&HealthReporter::new())
    }

    /// Serves the health of this server and of its services, as [`health`](Self::health) does, with a status for
    /// each that `reporter` sets. Needs the feature `health`.
    ///
    /// If several servers share a reporter, each reports the services of all, and the first to shut down shuts it
    /// down for all.
    ///
    /// A server that others serve ([`into_service`](Self::into_service)) does not hear of their shutdown: call
    /// [`HealthReporter::shut_down`] when it begins.
    #[must_use]
    pub fn health_with(self, reporter: &HealthReporter) -> Self {
        let service = HealthServer::new(HealthService { reporter: reporter.clone() });
        self.add_service(service.max_decoding_message_size(MAX_REQUEST))
            .observe(Arc::new(reporter.clone()))
    }
}
