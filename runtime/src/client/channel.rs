//! [`Channel`]: what a generated client calls through.

use std::{fmt, sync::Arc, time::Duration};

use http::Extensions;
use tonic::{
    Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
    transport::Endpoint,
};
use tower_service::Service;

use super::{http::Tower, in_process::InProcess};
use crate::{
    MethodDescriptor,
    server::{Dispatch, ReplyFuture, Serve, ServiceServer},
    wire::{body::Body, http_body::RequestBody, status::BoxError},
};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The way to a server: a connection, another tower service, or a server in this process.
///
/// Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct Channel {
    pub(super) way: Way,
}

/// How calls get to their server.
#[derive(Clone)]
pub(super) enum Way {
    /// Encoded.
    Transport(Arc<dyn Transport>),
    /// Their messages moved, to a server in this process.
    Direct(Arc<dyn Serve>),
}

/// Carries calls to a server.
pub(crate) trait Transport: Send + Sync {
    /// Starts `call` and waits for the beginning of its response.
    fn start(&self, call: Outgoing) -> ReplyFuture<'static>;
}

/// What a transport needs to know of a call.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) body: Body,
    /// The time that the call may take, which the metadata says as well.
    pub(crate) timeout: Option<Duration>,
    /// The compression of the requests.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions that the responses may have.
    pub(crate) accepted: EnabledCompressionEncodings,
}

impl Channel {
    /// Connects to `address`, for example `http://localhost:50051`.
    ///
    /// The connection is made again when it is lost. Making it fails after 20 seconds.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address, `Unavailable` when nothing answers there.
    pub async fn connect(address: impl AsRef<str>) -> Result<Self, Status> {
        let address = address.as_ref();
        let channel = endpoint(address)?.connect().await.map_err(|error| {
            let cause = crate::wire::status::describe(&error);
            Status::unavailable(format!("cannot connect to {address}: {cause}"))
        })?;
        Ok(channel.into())
    }

    /// Connects to `address` when the first call is made.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address.
    pub fn connect_lazy(address: impl AsRef<str>) -> Result<Self, Status> {
        Ok(endpoint(address.as_ref())?.connect_lazy().into())
    }

    /// Calls through `service`: any tower service that speaks gRPC, such as tonic's `Channel`,
    /// with or without layers and interceptors around it, or a generated server.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: RequestBody,
    {
        Self { way: Way::Transport(Arc::new(Tower(service))) }
    }

    /// Calls `server`, a generated one, in this process: no socket, no task, no HTTP, but the
    /// same codec, metadata, deadlines, cancellation, limits and compression.
    pub fn in_process<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + 'static,
    {
        Self { way: Way::Transport(Arc::new(InProcess(server))) }
    }

    /// Calls `server`, a generated one, in this process, and moves the messages instead of
    /// encoding them: limits and compression do not apply, while metadata, deadlines, cancellation
    /// and statuses are what they are everywhere.
    ///
    /// No layer is passed on the way, so [`MethodDescriptor`] is not in a request's extensions.
    pub fn in_process_direct<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + 'static,
    {
        Self { way: Way::Direct(Arc::new(server)) }
    }
}

fn endpoint(address: &str) -> Result<Endpoint, Status> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .ok()
        .filter(|endpoint| endpoint.uri().scheme().is_some() && endpoint.uri().host().is_some());
    let Some(endpoint) = endpoint else {
        return Err(Status::invalid_argument(format!(
            "`{address}` is no address to connect to: expected one like http://localhost:50051"
        )));
    };
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT))
}

impl From<tonic::transport::Channel> for Channel {
    fn from(channel: tonic::transport::Channel) -> Self {
        Self::new(channel)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").finish_non_exhaustive()
    }
}
