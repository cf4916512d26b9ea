//! A call on its way: what is known of it, and its requests.

use http::Extensions;
use tokio::time::Instant;
use tonic::{
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};

use super::{body::Body, method::MethodDescriptor};

/// A call, as a transport sees it.
#[derive(Debug)]
pub(crate) struct ClientCall {
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
#[derive(Debug)]
pub(crate) struct IncomingCall {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) body: Body,
    pub(crate) options: CallOptions,
}

/// What the request's headers ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOptions {
    /// The compression of the requests. The server accepts it.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions that the client accepts.
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) deadline: Option<Instant>,
}
