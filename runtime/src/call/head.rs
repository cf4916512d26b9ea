//! A call on its way: what is known of it, and its requests.

use http::Extensions;
use tokio::time::Instant;
use tonic::{
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};

use super::{body::Body, direct_slot::ErasedSlot, method::MethodDescriptor, observer::BoxObserver};

/// A call, as a transport sees it.
#[derive(Debug)]
pub(crate) struct OutgoingCall {
    pub(crate) head: CallHead,
    pub(crate) body: Body,
}

/// A call without its requests.
#[derive(Debug)]
pub(crate) struct CallHead {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    /// The deadline, derived from `grpc-timeout` in the metadata when the call was made.
    pub(crate) deadline: Option<Instant>,
    /// The compression of the requests.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions accepted for responses.
    pub(crate) accepted: EnabledCompressionEncodings,
}

/// An incoming call, as an entry point hands it over.
pub(crate) struct IncomingCall<'a> {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) messages: IncomingMessages<'a>,
    pub(crate) options: RequestParams,
}

/// The requests of an incoming call, and where its responses go.
#[allow(clippy::large_enum_variant, reason = "most come encoded: a box would cost each of them")]
pub(crate) enum IncomingMessages<'a> {
    /// Encoded requests. The responses are the body of the reply.
    Encoded(Body),
    /// Both are passed through a slot of the method's types, without a codec.
    Direct(&'a mut dyn ErasedSlot),
}

impl IncomingMessages<'_> {
    /// Shows the requests to `observer`.
    pub(crate) fn observe(&mut self, observer: BoxObserver) {
        match self {
            Self::Encoded(body) => {
                let requests = std::mem::replace(body, Body::empty());
                *body = requests.observed(observer);
            }
            Self::Direct(slot) => slot.observe_requests(observer),
        }
    }
}

/// What the request's headers ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestParams {
    /// The compression of the requests. The server accepts it.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions that the client accepts.
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) deadline: Option<Instant>,
}
