//! The origin that requests carry, if it is not the address of the channel.

use http::{
    Uri,
    uri::{PathAndQuery, Scheme},
};

/// An extension of calls whose requests carry the scheme and the authority of this URI.
#[derive(Clone, Debug)]
pub(super) struct Origin(Uri);

impl Origin {
    pub(super) fn new(uri: Uri) -> Self {
        Self(uri)
    }

    /// The URI of `path` at this origin.
    pub(super) fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = self.0.clone().into_parts();
        // `example.com:443` is an authority, and a URI needs a scheme with it.
        if parts.authority.is_some() {
            parts.scheme.get_or_insert(Scheme::HTTP);
        }
        parts.path_and_query = Some(path.clone());
        Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(path))
    }
}
