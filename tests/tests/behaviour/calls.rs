//! Calls that go well.

use rust_scaffold::{Channel, MethodDescriptor, MethodKind, Request, Status, tonic};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse, calculator_service,
    },
    routes,
    station::{Station, point, query},
    telemetry::{Telemetry, TelemetryClient, TelemetryServer, telemetry_service},
};

struct Exact;

impl Calculator for Exact {
    async fn add(
        &self,
        request: Request<AddRequest>,
    ) -> Result<rust_scaffold::Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        let sum = a.checked_add(b).ok_or_else(|| Status::out_of_range("too large"))?;
        Ok(AddResponse { result: sum }.into())
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<rust_scaffold::Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        let difference = a.checked_sub(b).ok_or_else(|| Status::out_of_range("too small"))?;
        Ok(SubtractResponse { result: difference }.into())
    }
}

#[tokio::test]
async fn numbers_arrive_as_they_were_sent() {
    let calculator = CalculatorClient::in_process(Exact);
    for (a, b) in [(5, 3), (-5, 3), (0, 0), (i32::MAX, 0), (i32::MIN, 0), (i32::MIN, i32::MAX)] {
        let sum = calculator.add(AddRequest { a, b }).await.unwrap().into_inner().result;
        assert_eq!(sum, a + b);
    }
    let overflow = calculator.add(AddRequest { a: i32::MAX, b: 1 }).await.unwrap_err();
    assert_eq!(overflow.code(), tonic::Code::OutOfRange);
    let under = calculator.subtract(SubtractRequest { a: i32::MIN, b: 1 }).await.unwrap_err();
    assert_eq!(under.message(), "too small");
}

#[tokio::test]
async fn all_four_kinds_pass_every_route() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let client = &route.client;
        let latest = client.latest(query("a", 3)).await.unwrap().into_inner();
        assert_eq!(latest.series, "xxx", "{}", route.name);

        let mut watched = client.watch(query("a", 2)).await.unwrap().into_inner();
        let mut series = Vec::new();
        while let Some(point) = watched.message().await.unwrap() {
            series.push(point.series);
        }
        assert_eq!(series, ["a", "a", "end"], "{}", route.name);

        let points = tokio_stream::iter([point("a"), point("b"), point("a")]);
        let summary = client.upload(points).await.unwrap().into_inner();
        assert_eq!(summary.accepted, 3, "{}", route.name);
        assert_eq!(summary.accepted_by_series["a"], 2, "{}", route.name);

        let (queries, requests) = rust_scaffold::Streaming::channel(1);
        let mut tailed = client.tail(requests).await.unwrap().into_inner();
        for series in ["one", "two"] {
            queries.send(query(series, 1)).await.unwrap();
            assert_eq!(tailed.message().await.unwrap().unwrap().series, series, "{}", route.name);
        }
        drop(queries);
        assert_eq!(tailed.message().await.unwrap(), None, "{}", route.name);
    }
}

#[tokio::test]
async fn metadata_and_trailers_pass_every_route_both_ways() {
    fn with_metadata<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("word", "hello".parse().unwrap());
        let bytes = tonic::metadata::MetadataValue::from_bytes(&[0, 255, 7]);
        request.metadata_mut().insert_bin("bytes-bin", bytes);
        request
    }
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let response = route.client.latest(with_metadata(query("a", 1))).await.unwrap();
        let unary = response.metadata().clone();
        let points = with_metadata(tokio_stream::iter([point("a")]));
        let upload = route.client.upload(points).await.unwrap().metadata().clone();
        let mut stream = route.client.watch(with_metadata(query("a", 1))).await.unwrap();
        let mut watch = stream.metadata().clone();
        let trailers = stream.get_mut().skip_to_trailers().await.unwrap();
        assert!(watch.get("last-word").is_none(), "{}: trailers come last", route.name);
        watch.insert("last-word", trailers.get("last-word").unwrap().clone());
        watch.insert_bin("last-bytes-bin", trailers.get_bin("last-bytes-bin").unwrap().clone());
        for metadata in [unary, upload, watch] {
            assert_eq!(metadata.get("word").unwrap(), "hello", "{}", route.name);
            assert_eq!(metadata.get("last-word").unwrap(), "hello", "{}", route.name);
            for key in ["bytes-bin", "last-bytes-bin"] {
                let bytes = metadata.get_bin(key).unwrap().to_bytes().unwrap();
                assert_eq!(bytes.as_ref(), [0, 255, 7], "{}", route.name);
            }
            for key in ["content-type", "grpc-status", "te", "grpc-encoding"] {
                assert!(metadata.get(key).is_none(), "{}: {key} is no metadata", route.name);
            }
        }
    }
}

#[tokio::test]
async fn a_trailer_does_not_replace_metadata_of_the_same_name() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let mut request = Request::new(query("a", 1));
        request.metadata_mut().insert("both", "again".parse().unwrap());
        let response = route.client.latest(request).await.unwrap();
        let values: Vec<_> = response.metadata().get_all("both").iter().collect();
        assert_eq!(values, ["again", "again"], "{}", route.name);
    }
}

#[tokio::test]
async fn the_method_is_in_the_extensions_on_both_sides() {
    for route in routes::encoding(TelemetryServer::new(Station::default())).await {
        let response = route.client.latest(query("a", 1)).await.unwrap();
        assert_eq!(
            response.metadata().get("method").unwrap(),
            "/telemetry.Telemetry/Latest",
            "{}",
            route.name
        );
    }
    let seen = tonic::service::interceptor::InterceptedService::new(
        TelemetryServer::new(Station::default()),
        |request: Request<()>| {
            let method = request.extensions().get::<&MethodDescriptor>().copied();
            assert_eq!(method.map(MethodDescriptor::name), Some("Latest"));
            Ok(request)
        },
    );
    let client = TelemetryClient::new(Channel::new(seen));
    client.latest(query("a", 1)).await.unwrap();
}

#[test]
fn the_method_table_says_what_the_proto_says() {
    let methods = telemetry_service::SERVICE.methods;
    let named = |name| methods.iter().find(|method| method.name() == name).unwrap();
    assert_eq!(telemetry_service::SERVICE.name, "telemetry.Telemetry");
    assert_eq!(named("Latest").service(), "telemetry.Telemetry");
    assert_eq!(named("Latest").kind, MethodKind::Unary);
    assert!(named("Latest").idempotency_level.is_idempotent());
    assert_eq!(named("Watch").kind, MethodKind::ServerStreaming);
    assert_eq!(named("Upload").kind, MethodKind::ClientStreaming);
    assert_eq!(named("Tail").kind, MethodKind::BidiStreaming);
    assert!(!named("Tail").idempotency_level.is_idempotent());
    assert!(named("Last").deprecated && !named("Latest").deprecated);
    assert_eq!(calculator_service::SERVICE.methods[1].path, "/calculator.Calculator/Subtract");
}

#[tokio::test]
async fn a_client_is_a_contract_that_can_be_served() {
    let (listener, address) = routes::listen().await;
    let task = routes::serve_ours(TelemetryServer::new(Station::default()), listener);
    let far = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    let near = TelemetryClient::in_process(far);
    let mut request = Request::new(query("a", 2));
    request.metadata_mut().insert("word", "through two".parse().unwrap());
    let response = near.latest(request).await.unwrap();
    assert_eq!(response.metadata().get("last-word").unwrap(), "through two");
    let mut points = near.watch(query("a", 1)).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap().unwrap().series, "a");
    let summary = near.upload(tokio_stream::iter([point("a")])).await.unwrap().into_inner();
    assert_eq!(summary.accepted, 1);
    task.abort();
}

#[tokio::test]
async fn interceptors_stand_around_servers_and_clients() {
    fn stamp(mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("word", "stamped".parse().unwrap());
        Ok(request)
    }
    fn refuse(_: Request<()>) -> Result<Request<()>, Status> {
        Err(Status::unauthenticated("who are you?"))
    }
    use tonic::service::interceptor::InterceptedService as Intercepted;
    let server = TelemetryServer::new(Station::default());

    let client = TelemetryClient::new(Channel::new(Intercepted::new(server.clone(), stamp)));
    let response = client.latest(query("a", 1)).await.unwrap();
    assert_eq!(response.metadata().get("word").unwrap(), "stamped");

    let client = TelemetryClient::new(Channel::new(Intercepted::new(server, refuse)));
    let status = client.latest(query("a", 1)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    assert_eq!(status.message(), "who are you?");
}

#[tokio::test]
async fn tonics_own_channel_stands_behind_a_client() {
    let (listener, address) = routes::listen().await;
    let task = routes::serve_ours(TelemetryServer::new(Station::default()), listener);
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let client = TelemetryClient::new(endpoint.connect().await.unwrap());
    assert_eq!(client.latest(query("a", 2)).await.unwrap().into_inner().series, "xx");
    task.abort();
}

#[tokio::test]
#[allow(deprecated)]
async fn a_deprecated_method_still_works() {
    let client = TelemetryClient::in_process(Station::default());
    assert_eq!(client.last(query("a", 1)).await.unwrap().into_inner().series, "x");
    let contract: &dyn Fn(&TelemetryClient) =
        &|client| drop(Telemetry::last(client, Request::new(query("a", 1))));
    contract(&client);
}

#[tokio::test]
async fn a_server_serves_many_services_and_ends_gracefully() {
    let (listener, address) = routes::listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let station = Station::default();
    let server = rust_scaffold::Server::new()
        .add_service(CalculatorServer::new(Exact))
        .add_service(TelemetryServer::new(station.clone()));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let served = tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
        stopped.await.unwrap();
    }));

    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let calculator = CalculatorClient::new(channel.clone());
    let telemetry = TelemetryClient::new(channel);
    assert_eq!(calculator.add(AddRequest { a: 5, b: 3 }).await.unwrap().into_inner().result, 8);
    let (points, stream) = rust_scaffold::Streaming::channel(1);
    let upload = tokio::spawn(async move { telemetry.upload(stream).await });
    points.send(point("a")).await.unwrap();
    station.busy().await;

    stop.send(()).unwrap();
    drop(points);
    assert_eq!(upload.await.unwrap().unwrap().into_inner().accepted, 1);
    drop(calculator);
    served.await.unwrap().unwrap();
}
