//! Compiles for targets without sockets: messages and contracts alone and, with the feature
//! `client`, clients over a transport that is none of ours. `run.sh` checks both, and runs them.

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
pub mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

#[cfg(feature = "client")]
pub mod transport;

/// A client over what a browser has, for example.
#[cfg(feature = "client")]
pub fn client<S>(service: S) -> telemetry::TelemetryClient
where
    S: tower_service::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
            Future: Send,
        >,
    S: Clone + Send + Sync + 'static,
{
    telemetry::TelemetryClient::new(rust_scaffold::Channel::new(service))
}
