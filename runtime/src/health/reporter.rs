//! [`HealthReporter`]: the handle with which an application reports the health of its services.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;

use super::statuses::{HealthStatus, Statuses};
use crate::server::observer::{ServerObserver, ServiceEntry};

/// Reports the health of services to those who ask a server, with
/// [`Server::health_with`](crate::Server::health_with). Clones report to the same server.
///
/// A service that is added to the server is [`Serving`](HealthStatus::Serving) from the start, unless the
/// application has set its status before; and so is `""`, which stands for the server as a whole. The status of one
/// service does not change that of another, nor that of `""`.
///
/// ```
/// use rust_scaffold::{HealthReporter, Server, HealthStatus};
/// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
///
/// # fn lost_database() -> impl Future<Output = ()> { std::future::ready(()) }
/// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
/// #     calculator: ServiceServer<D, S>,
/// # ) -> std::io::Result<()> {
/// let health = HealthReporter::new();
/// let reporter = health.clone();
/// tokio::spawn(async move {
///     lost_database().await;
///     reporter.set_status("calculator.Calculator", HealthStatus::NotServing);
/// });
/// Server::new().health_with(&health).add_service(calculator).serve("[::]:50051").await
/// # }
/// ```
///
/// The name of a service is that of the proto with its package. Generated code has it, too:
/// `calculator_service::SERVICE.name`.
#[derive(Clone)]
pub struct HealthReporter {
    /// Held behind an `Arc` each time, so that a watcher copies a pointer.
    statuses: watch::Sender<Arc<Statuses>>,
}

impl HealthReporter {
    /// A reporter that knows no service yet.
    pub fn new() -> Self {
        Self { statuses: watch::Sender::new(Arc::default()) }
    }

    /// Sets the status of `service`, which need not be one of the server's: any name can be asked for. Those
    /// who watch it are notified, except of a status that was replaced before it could be sent.
    ///
    /// After [`shut_down`](Self::shut_down), it is remembered but not reported.
    pub fn set_status(&self, service: &str, status: HealthStatus) {
        self.update(|statuses| statuses.set(service, status));
    }

    /// Makes `service` unknown: `Check` fails with `NotFound` then, and those who watch it are notified of that.
    pub fn clear_status(&self, service: &str) {
        self.update(|statuses| statuses.clear(service));
    }

    /// The status of `service` as it is reported, or `None` if it is unknown.
    pub fn status(&self, service: &str) -> Option<HealthStatus> {
        self.statuses.borrow().get(service)
    }

    /// Reports every service as [`NotServing`](HealthStatus::NotServing) from now on, and ends every
    /// watch once it has reported that. This cannot be undone.
    ///
    /// A watch that begins afterwards reports the same and goes on until the server's connections are drained, so
    /// that clients that watch again at once do so once. Where others serve the server
    /// ([`Server::into_service`](crate::Server::into_service)), nothing says when that is: the watch ends at once.
    ///
    /// A server does so when its shutdown begins. Call it earlier to have load balancers look elsewhere before
    /// the server stops accepting connections.
    pub fn shut_down(&self) {
        self.update(|statuses| !std::mem::replace(&mut statuses.is_shut_down, true));
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Statuses>> {
        self.statuses.subscribe()
    }

    pub(super) fn current(&self) -> Arc<Statuses> {
        Arc::clone(&self.statuses.borrow())
    }

    /// Wakes those who watch if `change` says that it has changed anything.
    fn update(&self, change: impl FnOnce(&mut Statuses) -> bool) {
        self.statuses.send_if_modified(|statuses| change(Arc::make_mut(statuses)));
    }
}

/// A server that is reported on, of which a reporter may have several.
pub(super) struct ReportedServer {
    pub(super) reporter: HealthReporter,
    /// Whether it drains its connections itself, before which no watch of it has to end.
    pub(super) drains: Arc<AtomicBool>,
}

impl ServerObserver for ReportedServer {
    fn starts(&self, services: &[ServiceEntry]) {
        self.reporter.update(|statuses| {
            statuses.set_default("", HealthStatus::Serving);
            for service in services {
                statuses.set_default(service.name, HealthStatus::Serving);
            }
            true
        });
    }

    fn will_drain(&self) {
        // Before the first connection, so before any watch reads it.
        self.drains.store(true, Ordering::Relaxed);
    }

    fn shutdown_begins(&self) {
        self.reporter.shut_down();
    }
}

impl Default for HealthReporter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.current().all()).finish()
    }
}
