//! [`GeneratedServer`]: what a server takes as a service whose methods it knows.

use super::{call::Dispatch, service::ServiceServer};

/// What [`Server::add_service`](crate::Server::add_service) takes: a generated server, such as
/// `CalculatorServer`. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a generated server",
    label = "not a generated server",
    note = "an implementation is served by what is generated for its contract: \
            `.add_service(CalculatorServer::new(implementation))`",
    note = "other tower services, such as tonic's, are added with `.add_tower_service(service)`"
)]
pub trait GeneratedServer: sealed::IntoServed {}

impl<D: Dispatch<S>, S: Send + Sync + ?Sized + 'static> GeneratedServer for ServiceServer<D, S> {}

/// Keeps the trait from being implemented elsewhere, so that it can grow.
mod sealed {
    use std::sync::Arc;

    use crate::server::{call::RegisteredService, service::ServiceServer};

    pub trait IntoServed {
        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn into_served(self) -> Arc<RegisteredService>;
    }

    impl<D, S: ?Sized> IntoServed for ServiceServer<D, S> {
        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn into_served(self) -> Arc<RegisteredService> {
            self.served
        }
    }
}
