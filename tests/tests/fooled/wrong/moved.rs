//! Mocks that are not dropped in their test.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, mpsc},
    thread,
};

use rust_scaffold::{Request, Response, Server, Status};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, MockCalculator,
        SubtractRequest, SubtractResponse,
    },
    messages::{add, sum},
};

fn unmet() -> MockCalculator {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock
}

// red: missing call of calculator.Calculator/Add
// red: the test `moved::forgotten`
#[test]
fn forgotten() {
    std::mem::forget(unmet());
}

// red: unexpected call of calculator.Calculator/Add
#[tokio::test]
async fn forgotten_with_a_call_that_nothing_takes() {
    let mock = MockCalculator::new();
    let _ = mock.client().add(add(5, 3)).await;
    std::mem::forget(mock);
}

// red: missing call of calculator.Calculator/Add
#[test]
fn leaked() {
    Box::leak(Box::new(unmet()));
}

static STATIC: LazyLock<MockCalculator> = LazyLock::new(unmet);

// red: missing call of calculator.Calculator/Add
#[test]
fn in_a_static() {
    LazyLock::force(&STATIC);
}

// red: missing call of calculator.Calculator/Subtract
#[tokio::test]
async fn held_by_an_answer_of_its_own() {
    let mock = Arc::new(MockCalculator::new());
    mock.expect_subtract().once().returns(SubtractResponse::default());
    let held = Arc::clone(&mock);
    mock.on_add().answers(move |_| {
        let _held = &held;
        std::future::ready(Ok(sum(8)))
    });
    mock.client().add(add(5, 3)).await.unwrap();
}

// red: missing call of calculator.Calculator/Add
#[test]
fn in_a_runtime_that_is_forgotten() {
    let mock = unmet();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.spawn(async move {
        let _mock = mock;
        std::future::pending::<()>().await;
    });
    std::mem::forget(runtime);
}

// red: unexpected call of calculator.Calculator/Add
#[tokio::test]
async fn in_a_server_on_a_thread_in_the_background() {
    let (ready, address) = mpsc::channel();
    let mock = MockCalculator::new();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            Server::new().add_service(CalculatorServer::new(mock)).serve_listener(listener).await
        })
    });
    let client = CalculatorClient::connect(format!("http://{}", address.recv().unwrap()));
    let _ = client.await.unwrap().add(add(5, 3)).await;
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn in_a_server_in_a_task() {
    let server = CalculatorServer::new(unmet());
    tokio::spawn(async move {
        let _server = server;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
}

// red: missing call of calculator.Calculator/Add
#[test]
fn dropped_on_another_thread() {
    let mock = unmet();
    let _ = thread::spawn(move || drop(mock)).join();
}

// red: missing call of calculator.Calculator/Add
#[test]
fn dropped_on_another_thread_that_outlives_the_test() {
    let mock = unmet();
    let (wait, over) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _ = over.recv();
        drop(mock);
    });
    std::mem::forget(wait);
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn dropped_in_a_task() {
    let mock = unmet();
    let _ = tokio::spawn(async move { drop(mock) }).await;
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn made_in_a_task_that_nobody_waits_for() {
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let _done = done;
        let _mock = unmet();
    });
    let _ = wait.await;
}

// red: missing call of calculator.Calculator/Add
#[tokio::test(flavor = "multi_thread")]
async fn made_in_a_task_of_many_threads() {
    let _ = tokio::spawn(async { drop(unmet()) }).await;
}

// red: missing call of calculator.Calculator/Add
#[test]
fn made_on_another_thread() {
    let _ = thread::spawn(|| drop(unmet())).join();
}

/// Has a mock of its own in each call.
struct WithMocks;

impl Calculator for WithMocks {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        drop(unmet());
        Ok(Response::new(sum(8)))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn made_in_a_handler() {
    let _ = CalculatorClient::in_process(WithMocks).add(add(5, 3)).await;
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn made_in_a_handler_without_a_codec() {
    let _ = CalculatorClient::in_process_direct(WithMocks).add(add(5, 3)).await;
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn made_in_an_answer() {
    let mock = MockCalculator::new();
    mock.on_add().answers(async |_| {
        drop(unmet());
        Ok(sum(8))
    });
    let _ = mock.client().add(add(5, 3)).await;
    let _ = catch_unwind(AssertUnwindSafe(|| drop(mock)));
}

// red: missing call of calculator.Calculator/Add
#[test]
fn made_in_the_local_variable_of_a_thread() {
    thread_local! {
        static MOCK: MockCalculator = unmet();
    }
    MOCK.with(|_| {});
}
