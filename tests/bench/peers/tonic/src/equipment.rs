//! What services in production have beside their methods: health, reflection, a log of requests, spans, and limits.

use std::{io, time::Duration};

use tonic::transport::{Server, server::TcpIncoming};
use tower_http::{
    LatencyUnit,
    trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer},
};
use tracing::Level;

use super::{
    Service,
    generated::{FILES, bench_server::BenchServer},
};

/// Serves `service` on `incoming`, equipped. Lines are made and thrown away.
pub(crate) async fn serve(builder: Server, service: BenchServer<Service>, incoming: TcpIncoming) {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(Level::INFO)
        .with_writer(io::sink)
        .init();
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<BenchServer<Service>>().await;
    let reflection = tonic_reflection::server::Builder::configure();
    let reflection = reflection.register_encoded_file_descriptor_set(FILES).build_v1();
    let on_response = DefaultOnResponse::new().level(Level::INFO).latency_unit(LatencyUnit::Micros);
    let tracing = TraceLayer::new_for_grpc()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(on_response);
    let server = builder
        .timeout(Duration::from_secs(10))
        .concurrency_limit_per_connection(1024)
        .layer(tracing)
        .add_service(health)
        .add_service(reflection.expect("descriptors"))
        .add_service(service);
    server.serve_with_incoming(incoming).await.expect("connections");
}
