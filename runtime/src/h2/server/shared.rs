//! What the connections of a server share.

use super::{options::ServerConnectionOptions, service::HttpService, slow_methods::SlowMethods};

/// Shared by all connections of a server.
pub(crate) struct ServerShared {
    pub(super) services: Box<dyn HttpService>,
    pub(super) options: ServerConnectionOptions,
    pub(super) slow_methods: SlowMethods,
}

impl ServerShared {
    pub(crate) fn new(
        services: impl HttpService + 'static,
        options: ServerConnectionOptions,
    ) -> Self {
        Self { services: Box::new(services), options, slow_methods: SlowMethods::new() }
    }
}
