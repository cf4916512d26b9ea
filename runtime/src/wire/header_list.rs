//! How long headers are, and how long they may be: the `h2` crate drops headers that are too long, or
//! breaks their connection, and tells nobody. So HTTP/2 takes more than may come, and what comes is
//! measured here, as is what is sent.

use http::{HeaderMap, Method, Uri};
use tonic::Status;

use super::grpc_status;

/// How much more HTTP/2 takes than a limit says, in requests and in responses. Headers that are longer
/// than that, too, cost their call and nothing else, up to four times as much again. A server knows its
/// clients less well than they know it, and holds what many of them send at a time.
const REQUEST_LEEWAY: u32 = 16;
const RESPONSE_LEEWAY: u32 = 64;

/// What HTTP/2 takes of requests, where `limit` is what may come.
pub(crate) fn taken_of_requests(limit: u32) -> u32 {
    limit.saturating_mul(REQUEST_LEEWAY)
}

/// The same of responses.
pub(crate) fn taken_of_responses(limit: u32) -> u32 {
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

/// The same of a response's headers, with what HTTP/2 puts before them.
fn response_size(headers: &HeaderMap) -> usize {
    size(headers) + field_size(":status", 3)
}

/// The same of a request, with what HTTP/2 puts before its headers.
fn request_size(method: &Method, uri: &Uri, headers: &HeaderMap) -> usize {
    size(headers)
        + field_size(":method", method.as_str().len())
        + field_size(":scheme", uri.scheme_str().map_or(0, str::len))
        + field_size(":authority", uri.authority().map_or(0, |it| it.as_str().len()))
        + field_size(":path", uri.path_and_query().map_or(1, |it| it.as_str().len()))
}

/// How long headers may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Those that we receive.
    Ours(u32),
    /// Those that a peer receives, as it has said.
    Peers(u32),
}

impl Limit {
    fn bytes(self) -> usize {
        match self {
            Self::Ours(limit) => limit as usize,
            // Some take a byte less than they say: `h2` does.
            Self::Peers(limit) => (limit as usize).saturating_sub(1),
        }
    }

    #[inline]
    fn check(self, what: &str, size: usize) -> Result<(), Status> {
        if size <= self.bytes() { Ok(()) } else { Err(self.exceeded(what, size)) }
    }

    #[cold]
    fn exceeded(self, what: &str, size: usize) -> Status {
        let (limit, whose) = match self {
            Self::Ours(limit) => (limit, "`max_header_list_size` of its receiver"),
            Self::Peers(limit) => (limit, "what its receiver has said that it takes"),
        };
        Status::resource_exhausted(format!(
            "{what} have {size} bytes, over the limit of {limit} bytes ({whose})"
        ))
    }

    /// Refuses a request whose headers are too long.
    pub(crate) fn check_request(
        self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Status> {
        self.check("the headers of the request", request_size(method, uri, headers))
    }

    /// Refuses the headers of a response that are too long.
    pub(crate) fn check_response(self, headers: &HeaderMap) -> Result<(), Status> {
        self.check("the headers of the response", response_size(headers))
    }

    /// Refuses the trailers of a response that are too long.
    pub(crate) fn check_trailers(self, trailers: &HeaderMap) -> Result<(), Status> {
        self.check("the trailers of the response", size(trailers))
    }

    /// Refuses the headers of a response that are too long, unless they have a message that can be cut.
    pub(crate) fn fit_response(self, headers: &mut HeaderMap) -> Result<(), Status> {
        self.check_response(headers).or_else(|refusal| {
            let over = response_size(headers) - self.bytes();
            if grpc_status::shorten_message(headers, over) { Ok(()) } else { Err(refusal) }
        })
    }

    /// Trailers that are not too long: a message is cut, else they become the refusal.
    pub(crate) fn fit_trailers(self, mut trailers: HeaderMap) -> HeaderMap {
        let Err(refusal) = self.check_trailers(&trailers) else { return trailers };
        let over = size(&trailers) - self.bytes();
        if grpc_status::shorten_message(&mut trailers, over) {
            return trailers;
        }
        grpc_status::to_headers(&refusal)
    }
}
