//! What a collector is sent of the calls of a client and a server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use observability::{
    Telemetry,
    collector::{Collector, text},
    service::{AddRequest, Adder, CalculatorClient, CalculatorServer, SubtractRequest},
};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use rust_scaffold::{CallMetrics, Channel, Code, Request, RpcConventions, Server};
use tokio::{net::TcpListener, task::spawn_blocking};

const TRACE: [u8; 16] = *b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
const PARENT: [u8; 8] = *b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7";

fn has_kind(span: &&Span, kind: SpanKind) -> bool {
    span.kind == kind as i32
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_spans_and_the_metrics_of_both_sides() {
    let (collector, endpoint) = Collector::start().await.unwrap();
    let telemetry = Telemetry::export_to(&endpoint, "test").unwrap();
    // For connections' tasks as well; there is no other test in this process.
    tracing::subscriber::set_global_default(telemetry.subscriber()).unwrap();
    let metrics = CallMetrics::new().meter(telemetry.meters.meter("test"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new()
        .trace_calls()
        .measure_calls_with(&metrics)
        .add_service(CalculatorServer::new(Adder));
    tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let client = CalculatorClient::new(channel.trace_calls().measure_calls_with(&metrics));

    // As a proxy in front would have it: the trace of somebody else.
    let mut request = Request::new(AddRequest { a: 5, b: 3 });
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request.metadata_mut().insert("tracestate", "vendor=1".parse().unwrap());
    client.add(request).await.unwrap();
    client.subtract(SubtractRequest { a: 5, b: 3 }).await.unwrap_err();
    spawn_blocking(move || telemetry.flush().unwrap()).await.unwrap();

    spans_are_parents_and_children(&collector.spans());
    metrics_have_both_calls(&collector, &address.to_string());
}

fn spans_are_parents_and_children(spans: &[Span]) {
    let calls: Vec<_> = spans.iter().filter(|span| span.name.starts_with("calculator.")).collect();
    assert_eq!(calls.len(), 4, "{spans:#?}");
    for (name, code, is_error) in [
        ("calculator.Calculator/Add", "OK", false),
        ("calculator.Calculator/Subtract", "UNIMPLEMENTED", true),
    ] {
        let find =
            |kind| calls.iter().find(|span| span.name == name && has_kind(span, kind)).unwrap();
        let (client, server) = (find(SpanKind::Client), find(SpanKind::Server));
        assert_eq!(server.parent_span_id, client.span_id, "{name}");
        assert_eq!(server.trace_id, client.trace_id, "{name}");
        for span in [client, server] {
            let attributes = text(&span.attributes);
            for expected in [
                format!("rpc.method={name}"),
                "rpc.system.name=grpc".to_owned(),
                format!("rpc.response.status_code={code}"),
            ] {
                assert!(attributes.contains(&expected), "{attributes}");
            }
            assert_eq!(attributes.contains("error.type=UNIMPLEMENTED"), is_error, "{attributes}");
            let status = span.status.as_ref().map_or(0, |status| status.code);
            // 2 is an error.
            assert_eq!(status == 2, is_error, "{name}");
        }
        if name.ends_with("Add") {
            assert_eq!(client.trace_id, TRACE);
            assert_eq!(client.parent_span_id, PARENT);
            assert_eq!(server.trace_state, "vendor=1");
            let events: Vec<_> = server.events.iter().map(|event| event.name.as_str()).collect();
            assert_eq!(events, ["adding"], "the handler runs in the span");
        } else {
            assert_ne!(client.trace_id, TRACE);
        }
    }
}

fn metrics_have_both_calls(collector: &Collector, address: &str) {
    let (add, subtract) = ("calculator.Calculator/Add", "calculator.Calculator/Subtract");
    let target = format!("grpc.target=dns:///{address}");
    let (host, port) = address.rsplit_once(':').unwrap();
    let rpc = |method: &str, code: &str, more: &str| {
        format!("rpc.method={method} rpc.response.status_code={code} rpc.system.name=grpc{more}")
    };
    let server = format!(" server.address={host} server.port={port}");
    let unimplemented = "error.type=UNIMPLEMENTED ";
    let ended = |method: &str, code: &str, target: &str| {
        format!("grpc.method={method} grpc.status={code}{target}")
    };
    let (ok, bad) = ("OK", "UNIMPLEMENTED");
    let spaced = format!(" {target}");
    for (name, expected) in [
        (
            "grpc.server.call.started",
            [format!("grpc.method={add}"), format!("grpc.method={subtract}")],
        ),
        ("grpc.server.call.duration", [ended(add, ok, ""), ended(subtract, bad, "")]),
        (
            "grpc.server.call.sent_total_compressed_message_size",
            [ended(add, ok, ""), ended(subtract, bad, "")],
        ),
        (
            "grpc.server.call.rcvd_total_compressed_message_size",
            [ended(add, ok, ""), ended(subtract, bad, "")],
        ),
        (
            "grpc.client.attempt.started",
            [format!("grpc.method={add} {target}"), format!("grpc.method={subtract} {target}")],
        ),
        ("grpc.client.attempt.duration", [ended(add, ok, &spaced), ended(subtract, bad, &spaced)]),
        ("grpc.client.call.duration", [ended(add, ok, &spaced), ended(subtract, bad, &spaced)]),
        (
            "rpc.server.call.duration",
            [rpc(add, ok, ""), format!("{unimplemented}{}", rpc(subtract, bad, ""))],
        ),
        (
            "rpc.client.call.duration",
            [rpc(add, ok, &server), format!("{unimplemented}{}", rpc(subtract, bad, &server))],
        ),
    ] {
        let mut points = collector.points(name);
        points.sort();
        let mut expected: Vec<_> = expected.into_iter().map(|it| (it, 1)).collect();
        expected.sort();
        assert_eq!(points, expected, "{name}");
    }
    for name in ["rust_scaffold.server.active_calls", "rust_scaffold.client.active_calls"] {
        let points = collector.points(name);
        assert!(!points.is_empty(), "{name}");
        assert!(points.iter().all(|(_, active)| *active == 0), "{name}: {points:?}");
    }
}

/// Refuses the first call of each connection, and fails the others.
async fn refuse_one(listener: TcpListener) {
    let (io, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(io).await.unwrap();
    let mut has_refused = false;
    while let Some(call) = connection.accept().await {
        let (_, mut stream) = call.unwrap();
        if !std::mem::replace(&mut has_refused, true) {
            stream.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let response = http::Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "5");
        stream.send_response(response.body(()).unwrap(), true).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attempt_is_measured_and_the_call_once() {
    let (collector, endpoint) = Collector::start().await.unwrap();
    let telemetry = Telemetry::export_to(&endpoint, "test").unwrap();
    let metrics = CallMetrics::new().meter(telemetry.meters.meter("test"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(refuse_one(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let client = CalculatorClient::new(channel.measure_calls_with(&metrics));
    let status = client.add(AddRequest { a: 5, b: 3 }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    spawn_blocking(move || telemetry.flush().unwrap()).await.unwrap();

    let method = "grpc.method=calculator.Calculator/Add";
    let target = format!("grpc.target=dns:///{address}");
    let point = |status: &str| format!("{method} {status}{target}");
    assert_eq!(collector.points("grpc.client.attempt.started"), [(point(""), 2)]);
    let mut attempts = collector.points("grpc.client.attempt.duration");
    attempts.sort();
    let [not_found, unavailable] =
        ["grpc.status=NOT_FOUND ", "grpc.status=UNAVAILABLE "].map(point);
    assert_eq!(attempts, [(not_found.clone(), 1), (unavailable, 1)]);
    assert_eq!(collector.points("grpc.client.call.duration"), [(not_found, 1)]);
    assert_eq!(collector.points("rust_scaffold.client.active_calls"), [(method.to_owned(), 0)]);
}

/// In one process, without connections: the same, but for who is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_process_and_of_unknown_methods_are_measured() {
    let (collector, endpoint) = Collector::start().await.unwrap();
    let telemetry = Telemetry::export_to(&endpoint, "test").unwrap();
    let metrics = CallMetrics::new().meter(telemetry.meters.meter("test"));
    let metrics = metrics.conventions(RpcConventions::Former);
    // Without the calculator.
    let server = Server::new().measure_calls_with(&metrics).into_service().unwrap();
    let client = CalculatorClient::new(Channel::new(server).measure_calls_with(&metrics));
    let status = client.add(AddRequest { a: 5, b: 3 }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    spawn_blocking(move || telemetry.flush().unwrap()).await.unwrap();

    let server = "grpc.method=other grpc.status=UNIMPLEMENTED";
    assert_eq!(collector.points("grpc.server.call.duration"), [(server.to_owned(), 1)]);
    let client = "grpc.method=calculator.Calculator/Add grpc.status=UNIMPLEMENTED grpc.target=";
    assert_eq!(collector.points("grpc.client.attempt.duration"), [(client.to_owned(), 1)]);
    let former = "rpc.grpc.status_code=12 rpc.method=Add rpc.service=calculator.Calculator";
    let former = format!("{former} rpc.system=grpc");
    assert_eq!(collector.points("rpc.client.duration"), [(former, 1)]);
    assert_eq!(collector.points("rpc.client.call.duration"), []);
}
