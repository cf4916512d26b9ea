//! [`RetryableCall`]: a call as the HTTP/2 transport sends it, as often as need be.

use http::{Extensions, HeaderMap, HeaderValue, header, request, uri::PathAndQuery};
use tokio::time::Instant;

use super::replay::ReplayableBody;
use crate::{
    call::{deadline, head::CallHead},
    protocol::Protocol,
};

/// A call that may have to be sent again.
pub(super) struct RetryableCall {
    pub(super) head: RequestHead,
    pub(super) requests: ReplayableBody,
}

/// A call without its requests.
pub(super) enum RequestHead {
    /// Of a generated client.
    Call(CallHead, Protocol),
    /// Of another library's client.
    Http { head: Box<request::Parts>, deadline: Option<Instant> },
}

impl RequestHead {
    #[inline]
    pub(super) fn path(&self) -> PathAndQuery {
        match self {
            Self::Call(call, _) => PathAndQuery::from_static(call.method.path),
            Self::Http { head, .. } => {
                head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
            }
        }
    }

    /// The headers, with the time that is left until the deadline.
    #[inline]
    pub(super) fn headers(&self, user_agent: &HeaderValue) -> HeaderMap {
        match self {
            Self::Call(call, protocol) => protocol.request_headers(call, Some(user_agent)),
            Self::Http { head, deadline } => {
                let mut headers = head.headers.clone();
                headers.entry(header::USER_AGENT).or_insert_with(|| user_agent.clone());
                if let Some(deadline) = *deadline {
                    deadline::insert_timeout(&mut headers, deadline);
                }
                headers
            }
        }
    }

    pub(super) fn streams_responses(&self) -> bool {
        match self {
            Self::Call(call, _) => call.method.kind.streams_responses(),
            Self::Http { .. } => true,
        }
    }

    pub(super) fn extensions(&self) -> &Extensions {
        match self {
            Self::Call(call, _) => &call.extensions,
            Self::Http { head, .. } => &head.extensions,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Call(call, _) => call.deadline,
            Self::Http { deadline, .. } => *deadline,
        }
    }
}
