//! Metadata at the end of a call.

use tonic::metadata::MetadataMap;

/// The trailers of a call that goes well, for a handler to put into its response's extensions.
///
/// The caller of a method with one response finds them in the response's metadata, that of a
/// stream gets them from [`Streaming::trailers`](crate::Streaming::trailers).
///
/// ```
/// # use rust_scaffold::{Response, Trailers, metadata::MetadataMap};
/// let mut trailers = MetadataMap::new();
/// trailers.insert("rows-scanned", 42.into());
/// let mut response = Response::new(());
/// response.extensions_mut().insert(Trailers(trailers));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trailers(pub MetadataMap);
