//! Pages that a server answers with, beside its services.

use std::sync::Arc;

#[cfg(any(feature = "explorer", feature = "rest"))]
use super::error::ServeError;
use crate::connection::http_service::HttpService;

/// What answers requests that are for no service.
#[derive(Clone)]
pub(crate) struct Pages {
    /// The only path at which they are, without a slash at its end. None if they answer for all.
    pub(crate) path: Option<String>,
    pub(crate) service: Arc<dyn HttpService>,
}

impl Pages {
    /// Those at `path`, which `Server` has from this `option`.
    ///
    /// # Errors
    /// [`ServeError::InvalidOption`]: it is no path.
    #[cfg(feature = "rest")]
    pub(crate) fn at(
        path: &str,
        service: Arc<dyn HttpService>,
        option: &'static str,
    ) -> Result<Self, ServeError> {
        check_path(path, option)?;
        let path = path.strip_suffix('/').unwrap_or(path).to_owned();
        Ok(Self { path: Some(path), service })
    }

    pub(super) fn are_at(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.path.as_ref().is_none_or(|own| own == path)
    }
}

/// Fails if `path`, which `Server` has from this `option`, is none.
#[cfg(any(feature = "explorer", feature = "rest"))]
pub(crate) fn check_path(path: &str, option: &'static str) -> Result<(), ServeError> {
    let is_written = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if path.starts_with('/') && path.bytes().all(is_written) {
        return Ok(());
    }
    let reason = format!("is at {path:?}, which is no path: use one such as \"/docs\"");
    Err(ServeError::InvalidOption { option, reason })
}
