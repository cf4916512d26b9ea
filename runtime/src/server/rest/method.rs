//! [`RestMethod`]: a method, as a rule has it called.

use std::sync::Arc;

use tonic::codec::EnabledCompressionEncodings;

use super::router::PathRouter;
use crate::{
    call::method::MethodDescriptor,
    codec::json::{http_mapping::HttpMapping, schema::Comments},
};

/// What is called by REST, by the methods and the paths of requests.
pub(super) type RestRouter = PathRouter<Arc<RestMethod>>;

/// A method, as a rule has it called.
#[derive(Debug)]
pub(super) struct RestMethod {
    pub(super) descriptor: &'static MethodDescriptor,
    pub(super) mapping: Arc<HttpMapping>,
    pub(super) comments: Comments,
    /// The size limit for requests, in bytes.
    pub(super) limit: usize,
    /// The compressions that the service accepts.
    pub(super) accepted: EnabledCompressionEncodings,
}
