//! Slips that do not compile. Each says in which words the compiler has to tell of it: `red` are ours,
//! `guide` the compiler's own, which the guide has to explain.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../mocks/messages.rs"]
#[allow(dead_code, reason = "other tests use all of it")]
mod messages;

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use rust_scaffold::{Request, Response, Server, Status};

use archive::{Archive, ArchiveServer, DynArchive};
use calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorDecorator, CalculatorServer,
    DecoratedCalculator, MockCalculator, SubtractRequest, SubtractResponse,
};
use messages::{add, point, query, sum};
use telemetry::{MockTelemetry, Query};

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod archive {
    include!("../../golden/dyn_traits/expected/archive.rs");
}

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod plain {
    include!("../../golden/unary/expected/calculator.rs");
}

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod calculator {
    rust_scaffold::include_proto!("calculator");
}

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

struct Abacus;

impl Calculator for Abacus {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        Ok(Response::new(sum(8)))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Ok(Response::new(SubtractResponse::default()))
    }
}

// red: a failure is told with `.fails(status)`
fn an_error_that_is_returned(mock: &MockCalculator) {
    mock.on_add().returns(Err(Status::internal("?")));
}

// red: a failure is told with `.fails(status)`
fn a_status_that_is_returned(mock: &MockCalculator) {
    mock.on_add().returns(Status::internal("?"));
}

// red: a message goes in as it is, without `Ok`
fn a_result_that_is_returned(mock: &MockCalculator) {
    mock.on_add().returns(Ok(sum(8)));
}

// red: a message goes in as it is, without `Ok`
fn results_for_each_call(mock: &MockCalculator) {
    mock.on_add().returns_each([Ok(sum(8)), Err(Status::internal("?"))]);
}

// red: this method has a stream of responses, not one
// red: say `.streams([…])`
fn a_stream_that_returns(mock: &MockTelemetry) {
    mock.on_watch().returns(point(1.0));
}

// red: this method has one response, not a stream
// red: say `.returns(message)`
fn one_response_that_streams(mock: &MockTelemetry) {
    mock.on_latest().streams([point(1.0)]);
}

// red: a closure goes with its words into `.matching(
fn a_closure_in_with(mock: &MockCalculator) {
    mock.on_add().with(|request: &AddRequest| request.a > 1).returns(sum(8));
}

// guide: type annotations needed
fn an_untyped_closure_in_with(mock: &MockCalculator) {
    mock.on_add().with(|request| request.a > 1).returns(sum(8));
}

// red: the pattern `that("even", |value| …)`
fn a_closure_for_a_field(mock: &MockCalculator) {
    let request = calculator::like::AddRequest::new().a(|a: &i32| *a > 1);
    mock.on_add().with(request).returns(sum(8));
}

// red: of a stream of requests, `.with([…])` takes an array of all of them
fn one_message_of_a_stream(mock: &MockTelemetry) {
    mock.on_upload().with(point(1.0)).hangs();
}

// red: is nothing that a `calculator::AddRequest` can be expected with
fn the_request_of_another_method(mock: &MockCalculator) {
    mock.on_add().with(query("a")).returns(sum(8));
}

// red: `.answers(…)` takes an async closure that gives back `Result<_, Status>`
// red: a closure is `async |request| Ok(response)`
fn a_closure_that_is_not_async(mock: &MockCalculator) {
    mock.on_add().answers(|_| Ok(sum(8)));
}

// red: `.answers(…)` takes an async closure that gives back `Result<_, Status>`
fn an_async_closure_without_a_result(mock: &MockCalculator) {
    mock.on_add().answers(async |_| sum(8));
}

// red: is no response of `calculator::AddResponse`
fn an_answer_with_another_message(mock: &MockCalculator) {
    mock.on_add().answers(async |_| Ok(add(5, 3)));
}

// guide: as mutable, as it is a captured variable in a `Fn` closure
fn a_closure_that_counts_for_itself(mock: &MockCalculator) {
    let mut calls = 0;
    mock.on_add().answers(async move |_| {
        calls += 1;
        Ok(sum(calls))
    });
}

// guide: : Clone` is not satisfied in `{async closure
fn a_closure_of_which_there_is_no_clone(mock: &MockCalculator) {
    let calls = AtomicI32::new(0);
    mock.on_add().answers(async move |_| Ok(sum(calls.fetch_add(1, Ordering::Relaxed))));
}

// guide: type annotations needed
fn an_untyped_closure_that_is_not_async(mock: &MockCalculator) {
    mock.on_add().answers(|request| async move { Ok(sum(request.get_ref().a)) });
}

// red: `u32` is no number of calls
// red: `times(number as usize)`
fn a_number_of_another_type(mock: &MockCalculator) {
    mock.expect_add().times(3u32).returns(sum(8));
}

// red: `MyTelemetry` is not a generated server
// red: `.add_service(CalculatorServer::new(implementation))`
fn a_service_without_its_server() {
    struct MyTelemetry;
    let _ = Server::new().add_service(MyTelemetry);
}

// red: a server cannot serve `SimplexStream`
// red: `ConnectedIo::new(io, ConnectInfo::default())` does for any I/O
fn io_that_does_not_know_its_connection() {
    let io = tokio::io::SimplexStream::new_unsplit(1);
    let _ = Server::new().serve_incoming(tokio_stream::once(Ok(io)));
}

// red: Query` does not implement `Calculator`, the contract of `calculator.Calculator`
fn what_is_no_calculator_in_an_arc() {
    let _ = CalculatorServer::new(Arc::new(Query::default()));
}

// red: Query` does not implement `Calculator`, the contract of `calculator.Calculator`
fn what_is_no_calculator_called_in_process() {
    let _ = CalculatorClient::in_process(Query::default());
}

// red: for `dyn`: the option `dyn_traits`
// guide: is not dyn compatible
fn a_contract_as_an_object(calculator: Arc<dyn plain::Calculator>) {
    drop(calculator);
}

// red: for `dyn`: `DynArchive`
fn a_contract_that_has_another_form_as_an_object(archive: Box<dyn Archive>) {
    drop(archive);
}

// red: does not implement `Archive`, the contract of `archive.Archive`
fn an_object_with_more_bounds(archive: Arc<dyn DynArchive + Send + Sync>) {
    let _ = ArchiveServer::new(archive);
}

// red: `Abacus` does not implement `Archive`
fn an_object_of_what_implements_something_else() {
    let _: Arc<dyn DynArchive> = Arc::new(Abacus);
}

// red: does not implement `CalculatorDecorator`, the trait for decorators of `calculator.Calculator`
fn a_decorated_calculator_without_a_decorator() {
    let _ = CalculatorServer::new(DecoratedCalculator { decorator: Abacus, inner: Abacus });
}

// red: `Loud` does not implement `Calculator`, the contract of `calculator.Calculator`
fn a_decorator_without_a_calculator() {
    struct Loud;

    impl CalculatorDecorator for Loud {}

    let _ = CalculatorServer::new(Loud);
}

// red: inner: &impl self::Calculator
// guide: E0049
fn a_decorator_of_which_a_method_lacks_the_calculator() {
    struct Early;

    impl CalculatorDecorator for Early {
        async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
            Ok(Response::new(sum(8)))
        }
    }
}

// guide: E0195
fn an_implementation_by_async_trait() {
    struct Old;

    #[async_trait::async_trait]
    impl Calculator for Old {
        async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
            Ok(Response::new(sum(8)))
        }

        async fn subtract(
            &self,
            _: Request<SubtractRequest>,
        ) -> Result<Response<SubtractResponse>, Status> {
            Ok(Response::new(SubtractResponse::default()))
        }
    }
}

fn main() {}
