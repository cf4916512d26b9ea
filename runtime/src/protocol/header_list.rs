//! Size limits for headers. The crates that read HTTP drop headers that are too long, or break their connection,
//! without telling anyone. So they are configured with a higher limit than the one we announce to users, and
//! the exact limit is enforced here, for received and for sent headers.

use http::{HeaderMap, Method, Uri};
use tonic::Status;

use super::grpc_status;

/// How many times the configured limit they accept, for requests and for responses. Even longer headers,
/// up to another four times that, cost only their own call. The factor for requests differs because a
/// server trusts its clients less and holds the headers of many of them at a time.
const REQUEST_LEEWAY: u32 = 16;
const RESPONSE_LEEWAY: u32 = 64;

/// The limit for the engine of a server, for a configured `limit`.
pub(crate) fn engine_request_limit(limit: u32) -> u32 {
    limit.saturating_mul(REQUEST_LEEWAY)
}

/// The limit for the engine of a client, for a configured `limit`.
pub(crate) fn engine_response_limit(limit: u32) -> u32 {
    limit.saturating_mul(RESPONSE_LEEWAY)
}

/// The size of `headers` as [HTTP/2 counts
/// it](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE).
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| field_size(name.as_str(), value.len())).sum()
}

fn field_size(name: &str, value: usize) -> usize {
    name.len() + value + 32
}

/// The size of a response's headers, pseudo-header fields included.
fn response_size(headers: &HeaderMap) -> usize {
    size(headers) + field_size(":status", 3)
}

/// The size of a request's headers, pseudo-header fields included.
fn request_size(method: &Method, uri: &Uri, headers: &HeaderMap) -> usize {
    size(headers)
        + field_size(":method", method.as_str().len())
        + field_size(":scheme", uri.scheme_str().map_or(0, str::len))
        + field_size(":authority", uri.authority().map_or(0, |it| it.as_str().len()))
        + field_size(":path", uri.path_and_query().map_or(1, |it| it.as_str().len()))
}

/// A size limit for headers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeaderLimit {
    /// Our own limit, for received headers.
    Local(u32),
    /// The limit that the peer announced, for headers that we send.
    Remote(u32),
}

impl HeaderLimit {
    fn bytes(self) -> usize {
        match self {
            Self::Local(limit) => limit as usize,
            // Some peers, h2 among them, accept one byte less than they announce.
            Self::Remote(limit) => (limit as usize).saturating_sub(1),
        }
    }

    #[inline]
    fn check(self, what: &str, size: usize) -> Result<(), Status> {
        if size <= self.bytes() { Ok(()) } else { Err(self.exceeded(what, size)) }
    }

    #[cold]
    fn exceeded(self, what: &str, size: usize) -> Status {
        let (limit, whose) = match self {
            Self::Local(limit) => (limit, "`max_header_list_size` of its receiver"),
            Self::Remote(limit) => (limit, "announced by its receiver"),
        };
        Status::resource_exhausted(format!(
            "{what} have {size} bytes, over the limit of {limit} bytes ({whose})"
        ))
    }

    /// Fails if the headers of a request are too long.
    pub(crate) fn check_request(
        self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Status> {
        self.check("the headers of the request", request_size(method, uri, headers))
    }

    /// Fails if the headers of a response are too long.
    pub(crate) fn check_response(self, headers: &HeaderMap) -> Result<(), Status> {
        self.check("the headers of the response", response_size(headers))
    }

    /// Fails if the trailers of a response are too long.
    pub(crate) fn check_trailers(self, trailers: &HeaderMap) -> Result<(), Status> {
        self.check("the trailers of the response", size(trailers))
    }

    /// Whether `trailers` fit, together with the status of a call that has succeeded.
    #[cfg(feature = "_observed")]
    pub(crate) fn fits_trailers_of_ok(self, trailers: &HeaderMap) -> bool {
        size(trailers) + field_size("grpc-status", 1) <= self.bytes()
    }

    /// Makes the headers of a response fit by cutting the status message. Fails if that is not enough.
    pub(crate) fn fit_response(self, headers: &mut HeaderMap) -> Result<(), Status> {
        self.check_response(headers).or_else(|refusal| {
            let over = response_size(headers) - self.bytes();
            if grpc_status::shorten_message(headers, over) { Ok(()) } else { Err(refusal) }
        })
    }

    /// Makes trailers fit by cutting the status message. Fails if that is not enough.
    pub(crate) fn cut_trailers(self, trailers: &mut HeaderMap) -> Result<(), Status> {
        self.check_trailers(trailers).or_else(|refusal| {
            let over = size(trailers) - self.bytes();
            if grpc_status::shorten_message(trailers, over) { Ok(()) } else { Err(refusal) }
        })
    }

    /// Makes trailers fit by cutting the status message. If that is not enough, returns the trailers of
    /// the failure instead.
    pub(crate) fn fit_trailers(self, mut trailers: HeaderMap) -> HeaderMap {
        match self.cut_trailers(&mut trailers) {
            Ok(()) => trailers,
            Err(refusal) => grpc_status::to_headers(&refusal),
        }
    }
}
