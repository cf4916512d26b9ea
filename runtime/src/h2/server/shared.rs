//! What the connections of a server share.

use std::sync::Arc;

use super::{options::ServerConnectionOptions, service::HttpService, slow_methods::SlowMethods};

/// Shared by all connections of a server.
pub(crate) struct ServerShared {
    pub(super) services: Arc<dyn HttpService>,
    pub(super) options: ServerConnectionOptions,
    pub(super) slow_methods: SlowMethods,
}

impl ServerShared {
    pub(crate) fn new(services: Arc<dyn HttpService>, options: ServerConnectionOptions) -> Self {
        Self { services, options, slow_methods: SlowMethods::new() }
    }
}
