//! Calls that the test should have answered itself.

use std::time::Duration;

use rust_scaffold::{Request, Status, Streaming};

use crate::{
    calculator::{Calculator, CalculatorClient, MockCalculator},
    messages::{add, point, query, sum, summary},
    telemetry::{MockTelemetry, Telemetry},
};

/// Calls, and does not wait for longer than a minute of virtual time.
async fn call(calculator: &impl Calculator) {
    let minute = Duration::from_secs(60);
    let _ = tokio::time::timeout(minute, calculator.add(Request::new(add(5, 3)))).await;
}

// red: the test has not accepted it
#[tokio::test(start_paused = true)]
async fn never_accepted_as_the_contract() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    call(&mock).await;
}

// red: the test has not accepted it
// red: request: AddRequest { a: 5, b: 3 }
#[tokio::test(start_paused = true)]
async fn never_accepted_by_its_client() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    call(&mock.client()).await;
}

// red: the test has not accepted it
#[tokio::test(start_paused = true)]
async fn never_accepted_without_a_codec() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    call(&CalculatorClient::in_process_direct(mock.clone())).await;
}

// red: the test has not accepted it
#[tokio::test]
async fn never_accepted_on_a_port() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    let serving = mock.serve().await.unwrap();
    let client = CalculatorClient::connect(serving.uri()).await.unwrap();
    let caller = tokio::spawn(async move { client.add(add(5, 3)).await });
    while mock.add_calls().is_empty() {
        tokio::task::yield_now().await;
    }
    caller.abort();
}

// red: the test has not accepted it
#[tokio::test(start_paused = true)]
async fn one_of_two_never_accepted() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    tokio::join!(call(&client), call(&client), async {
        adds.accept().await.send(sum(8)).await.unwrap();
    });
}

// red: the test has not accepted it
#[tokio::test(start_paused = true)]
async fn never_accepted_by_what_is_dropped() {
    let mock = MockCalculator::new();
    let adds = mock.expect_add().interactive();
    let client = mock.client();
    let caller = tokio::spawn(async move { call(&client).await });
    tokio::task::yield_now().await;
    drop(adds);
    caller.await.unwrap();
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn dropped_unfinished_as_the_contract() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    tokio::join!(call(&mock), async { drop(adds.accept().await) });
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn dropped_unfinished_by_its_client() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    tokio::join!(call(&client), async { drop(adds.accept().await) });
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn dropped_unfinished_without_a_codec() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = CalculatorClient::in_process_direct(mock.clone());
    tokio::join!(call(&client), async { drop(adds.accept().await) });
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn a_stream_dropped_unfinished() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let (mut points, ()) =
        tokio::join!(async { client.watch(query("a")).await.unwrap().into_inner() }, async {
            let mut call = watches.accept().await;
            call.send(point(1.0)).await.unwrap();
        });
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
}

// red: a panic has dropped it
#[tokio::test]
async fn an_assertion_that_fails_in_a_task_that_plays_the_server() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let server = tokio::spawn(async move {
        let mut call = adds.accept().await;
        assert_eq!(call.recv().await, Some(add(1, 1)));
        call.send(sum(2)).await.unwrap();
    });
    call(&client).await;
    let _ = server.await;
}

// red: a panic has dropped it
#[tokio::test]
async fn an_assertion_that_fails_in_a_task_behind_the_response() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let server = tokio::spawn(async move {
        let mut call = adds.accept().await;
        let request = call.recv().await;
        call.send(sum(2)).await.unwrap();
        assert_eq!(request, Some(add(1, 1)));
    });
    call(&client).await;
    let _ = server.await;
}

// red: a panic has dropped what accepts its calls
#[tokio::test]
async fn an_assertion_that_fails_in_a_task_that_accepts() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let server = tokio::spawn(async move {
        let mut call = adds.accept().await;
        let request = call.recv().await;
        call.send(sum(8)).await.unwrap();
        drop(call);
        assert_eq!(request, Some(add(1, 1)));
    });
    call(&client).await;
    let _ = server.await;
}

// red: expected no request for 60s, got Query
#[tokio::test(start_paused = true)]
async fn a_request_in_a_quiet_time_in_a_task() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let client = mock.client();
    let server = tokio::spawn(async move {
        let mut call = tails.accept().await;
        call.expect_quiet(Duration::from_secs(60)).await;
        call.finish();
    });
    let mut points = client.tail(tokio_stream::iter([query("a")])).await.unwrap().into_inner();
    let _ = points.message().await;
    let _ = server.await;
}

// red: expected no end of the requests for 60s
#[tokio::test(start_paused = true)]
async fn an_end_in_a_quiet_time_in_a_task() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let client = mock.client();
    let server = tokio::spawn(async move {
        let mut call = tails.accept().await;
        call.expect_quiet(Duration::from_secs(60)).await;
        call.finish();
    });
    let requests = tokio_stream::empty::<crate::telemetry::Query>();
    let mut points = client.tail(requests).await.unwrap().into_inner();
    let _ = points.message().await;
    let _ = server.await;
}

// red: the test has not received a request
// red: got Query { series: "b"
#[tokio::test]
async fn a_request_that_is_not_received_as_the_contract() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let requests = Streaming::from_iter([query("a"), query("b")]);
    let (points, ()) = tokio::join!(Telemetry::tail(&mock, Request::new(requests)), async {
        let mut call = tails.accept().await;
        assert_eq!(call.recv().await, Some(query("a")));
        call.finish();
    });
    assert_eq!(points.unwrap().into_inner().message().await.unwrap(), None);
}

// red: the test has not received a request
#[tokio::test]
async fn a_request_that_is_not_received_by_its_client() {
    let mock = MockTelemetry::new();
    let mut uploads = mock.expect_upload().interactive();
    let client = mock.client();
    let points = tokio_stream::iter([point(1.0), point(2.0)]);
    let (response, ()) = tokio::join!(client.upload(points), async {
        let mut call = uploads.accept().await;
        assert_eq!(call.recv().await, Some(point(1.0)));
        call.send(summary(1)).await.unwrap();
    });
    response.unwrap();
}

// red: the test has dropped what accepts it
#[tokio::test]
async fn nobody_accepts() {
    let mock = MockCalculator::new();
    drop(mock.expect_add().interactive());
    let _ = mock.client().add(add(5, 3)).await;
}

// red: the test has not accepted it
#[tokio::test(start_paused = true)]
async fn never_accepted_of_a_spy() {
    let real = MockCalculator::new();
    real.on_add().fails(Status::unavailable("never"));
    let spy = MockCalculator::spy(real.clone());
    let _adds = spy.expect_add().interactive();
    call(&spy.client()).await;
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn dropped_unfinished_on_a_port() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let serving = mock.serve().await.unwrap();
    let client = CalculatorClient::connect(serving.uri()).await.unwrap();
    tokio::join!(call(&client), async { drop(adds.accept().await) });
}

// red: the test has dropped it unfinished
#[tokio::test]
async fn dropped_unfinished_by_a_server_in_process() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = CalculatorClient::in_process(mock.clone());
    tokio::join!(call(&client), async { drop(adds.accept().await) });
}

// red: a panic has dropped it
#[test]
fn an_assertion_that_fails_on_a_thread_that_plays_the_server() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let block_on = |future| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future);
    };
    let server = std::thread::spawn(move || {
        block_on(Box::pin(async move {
            let mut call = adds.accept().await;
            assert_eq!(call.recv().await, Some(add(1, 1)));
        }) as futures_util::future::BoxFuture<'static, ()>);
    });
    block_on(Box::pin(async move { call(&client).await }));
    let _ = server.join();
}
