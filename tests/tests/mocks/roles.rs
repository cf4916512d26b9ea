//! The same mock as a client, as an implementation, as a server, and in front of a real one.

use std::time::Duration;

use rust_scaffold::{
    Channel, Code, Request, Response, Server, Status, Streaming, mock::script,
    tonic::service::interceptor::InterceptedService,
};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, MockCalculator, SubtractRequest,
        SubtractResponse,
    },
    messages::{add, point, query, sum, verdict_of},
    telemetry::{MockTelemetry, Telemetry, TelemetryClient},
};

/// Adds, but subtracts nothing.
struct Adder;

impl Calculator for Adder {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        Ok(Response::new(sum(a + b)))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("subtraction"))
    }
}

async fn twice(calculator: &impl Calculator) -> i32 {
    let first = calculator.add(Request::new(add(1, 1))).await.unwrap().into_inner().result;
    calculator.add(Request::new(add(first, first))).await.unwrap().into_inner().result
}

#[tokio::test]
async fn a_mock_implements_the_contract() {
    let mock = MockCalculator::new();
    mock.expect_add().returns_each([sum(2), sum(4)]);
    assert_eq!(twice(&mock).await, 4);
}

#[tokio::test]
async fn streams_pass_without_a_codec_too() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).send(point(1.0)).trailer("x-end", "1"));
    let client = TelemetryClient::in_process_direct(mock.clone());
    let requests = tokio_stream::iter([query("a")]);
    let mut direct = client.tail(requests).await.unwrap().into_inner();
    assert_eq!(direct.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(direct.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
    let requests = Request::new(Streaming::from_iter([query("a")]));
    let mut called = Telemetry::tail(&mock, requests).await.unwrap().into_inner();
    assert_eq!(called.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(called.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
}

#[tokio::test]
async fn a_mock_is_served_next_to_others_and_behind_an_interceptor() {
    let (calculator, telemetry) = (MockCalculator::new(), MockTelemetry::new());
    calculator.expect_add().metadata("x-user", "somebody").returns(sum(8));
    telemetry.expect_latest().returns(point(1.0));
    let known = |mut request: Request<()>| {
        request.metadata_mut().insert("x-user", "somebody".parse().unwrap());
        Ok(request)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new()
        .add_tower_service(InterceptedService::new(calculator.server(), known))
        .add_service(telemetry.server());
    let server = tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(address).await.unwrap();
    CalculatorClient::new(channel.clone()).add(add(5, 3)).await.unwrap();
    TelemetryClient::new(channel).latest(query("a")).await.unwrap();
    server.abort();
}

#[tokio::test]
async fn a_mock_is_served_on_a_port_of_its_own_until_its_guard_is_dropped() {
    let mock = MockTelemetry::new();
    mock.expect_watch()
        .script(script().header("x-head", "1").send(point(1.0)).trailer("x-end", "1"));
    let serving = mock.serve().await.unwrap();
    assert!(serving.address().ip().is_loopback());
    let uri = serving.uri();
    let client = TelemetryClient::connect(&uri).await.unwrap();
    let response = client.watch(query("a")).await.unwrap();
    assert_eq!(response.metadata().get("x-head").unwrap(), "1");
    let mut points = response.into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
    drop((serving, client, points));
    let gone = async {
        while TelemetryClient::connect(&uri).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the server should stop");
}

#[tokio::test]
async fn a_spy_forwards_records_and_injects_faults() {
    let spy = MockCalculator::spy(Adder);
    spy.expect_add().with(add(5, 3)).once().fails(Status::unavailable("injected"));
    let client = spy.client();
    assert_eq!(client.add(add(5, 3)).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(client.add(add(5, 3)).await.unwrap().into_inner(), sum(8));
    let status = client.subtract(SubtractRequest { a: 1, b: 1 }).await.unwrap_err();
    assert_eq!(status.message(), "subtraction");
    let codes = spy.add_calls().iter().map(|call| call.outcome.code()).collect::<Vec<_>>();
    assert_eq!(codes, [Some(Code::Unavailable), Some(Code::Ok)]);
    assert_eq!(spy.subtract_calls().len(), 1);
}

#[tokio::test]
async fn a_spy_forwards_streams_metadata_and_trailers() {
    let real = MockTelemetry::new();
    real.expect_tail().metadata("x-user", "somebody").script(
        script().header("x-head", "1").expect(query("a")).send(point(1.0)).trailer("x-end", "1"),
    );
    real.expect_watch().script(script().send(point(2.0)).fail(Status::data_loss("gone")));
    let spy = MockTelemetry::spy(real.client());
    let mut requests = Request::new(Streaming::from_iter([query("a")]));
    requests.metadata_mut().insert("x-user", "somebody".parse().unwrap());
    let response = spy.client().tail(requests).await.unwrap();
    assert_eq!(response.metadata().get("x-head").unwrap(), "1");
    let mut points = response.into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
    let mut points = spy.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);
    assert_eq!(spy.tail_calls()[0].messages, [query("a")]);
    assert_eq!(spy.watch_calls()[0].outcome.code(), Some(Code::DataLoss));
}

#[tokio::test]
async fn what_a_spy_never_may_get_is_not_forwarded() {
    let spy = MockCalculator::spy(Adder);
    spy.expect_add().with(add(0, 0)).never();
    assert_eq!(spy.client().add(add(0, 0)).await.unwrap_err().code(), Code::Unimplemented);
    assert!(verdict_of(spy).contains("no such call may come"));
}
