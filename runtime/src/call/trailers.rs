//! Trailers: metadata at the end of a call.

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;

/// The trailers of a successful call. A handler inserts them into its response's extensions.
///
/// The caller of a unary or client-streaming method finds them in the response's metadata. For a stream
/// of responses, [`Streaming::skip_to_trailers`](crate::Streaming::skip_to_trailers) returns them.
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

/// Appends the values in `more` to those in `metadata`.
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

/// Appends a value, unless there are 24,576 names already: a larger map panics. No real call has as many,
/// but a malicious peer may send them.
pub(crate) fn append(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    let _is_full = headers.try_append(name, value.clone());
}
