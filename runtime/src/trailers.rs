//! Metadata at the end of a call.

use http::{HeaderMap, HeaderName, HeaderValue};
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

/// Adds `more` to `metadata`, behind the values that a name has there already.
pub(crate) fn merge(metadata: &mut MetadataMap, more: MetadataMap) {
    if metadata.is_empty() {
        *metadata = more;
    } else if !more.is_empty() {
        let mut headers = std::mem::take(metadata).into_headers();
        for (name, value) in &more.into_headers() {
            append(&mut headers, name, value);
        }
        *metadata = MetadataMap::from_headers(headers);
    }
}

/// Adds a value, unless there are 24,576 names already, beyond which a map panics. Nobody needs as
/// many, but somebody may send them.
pub(crate) fn append(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    let _is_full = headers.try_append(name, value.clone());
}
