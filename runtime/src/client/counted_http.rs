//! Counts calls of other libraries' clients, whose responses are HTTP.

use http::Response;

use crate::{
    call::{counted::EndOfCall, reply::CallFuture},
    channelz::CountedCall,
    protocol::{http_body::HttpBody, observed_body::observe_response},
};

/// `response`, which `call` counts. If nobody does, it is left as it is. Whether the request was a call, or else plain
/// HTTP, decides what the response should be.
pub(super) fn count_http(
    call: CountedCall,
    response: CallFuture<'static, Response<HttpBody>>,
    is_call: bool,
) -> CallFuture<'static, Response<HttpBody>> {
    if !call.is_counted() {
        return response;
    }
    Box::pin(async move {
        // Dropped before that, it has failed.
        let observer = Box::new(EndOfCall(call));
        Ok(observe_response(response.await?, observer, is_call))
    })
}
