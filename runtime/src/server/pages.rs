//! Pages that a server answers with, beside its services.

use std::sync::Arc;

use crate::h2::server::service::HttpService;

/// What answers requests that are for no service.
#[derive(Clone)]
pub(crate) struct Pages {
    /// The only path at which they are, without a slash at its end. None if they answer for all.
    pub(crate) path: Option<String>,
    pub(crate) service: Arc<dyn HttpService>,
}

impl Pages {
    pub(super) fn are_at(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.path.as_ref().is_none_or(|own| own == path)
    }
}
