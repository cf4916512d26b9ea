//! Requests of a gRPC client, as they are sent.

use http::{HeaderMap, HeaderValue, header};

use super::{compression, header_maps, headers, names};
use crate::call::{deadline, head::CallHead};

/// The headers of a call.
pub(crate) fn headers(call: &CallHead, user_agent: Option<&HeaderValue>) -> HeaderMap {
    let mut fields = header_maps::empty();
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    fields.insert(header::CONTENT_TYPE, headers::APPLICATION_GRPC);
    if let Some(user_agent) = user_agent {
        fields.insert(header::USER_AGENT, user_agent.clone());
    }
    if let Some(encoding) = call.encoding {
        let name = HeaderValue::from_static(compression::name(encoding));
        fields.insert(names::GRPC_ENCODING, name);
    }
    if let Some(accepted) = compression::accept_header(call.accepted) {
        fields.insert(names::GRPC_ACCEPT_ENCODING, accepted);
    }
    headers::add_metadata(&mut fields, &call.metadata);
    if let Some(deadline) = call.deadline {
        deadline::insert_timeout(&mut fields, deadline);
    }
    fields
}
