//! A small unary call: mocked, direct, and over tonic's connection in memory.

use std::{
    future::{Future, ready},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use hyper_util::rt::TokioIo;
use rust_scaffold::{Request, Response, Status, metadata::MetadataMap};
use tonic::transport::{Endpoint, Server};

use crate::{
    scaffold::calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, MockCalculator, SubtractRequest,
        SubtractResponse,
    },
    stock::calculator as theirs,
};

const REQUEST: AddRequest = AddRequest { a: 5, b: 3 };
const RESPONSE: AddResponse = AddResponse { result: 8 };

/// The service.
#[derive(Debug)]
pub struct Adder;

impl Calculator for Adder {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        Ok(AddResponse { result: a.wrapping_add(b) }.into())
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        Ok(SubtractResponse { result: a.wrapping_sub(b) }.into())
    }
}

#[tonic::async_trait]
impl theirs::calculator_server::Calculator for Adder {
    async fn add(
        &self,
        request: Request<theirs::AddRequest>,
    ) -> Result<Response<theirs::AddResponse>, Status> {
        let theirs::AddRequest { a, b } = request.into_inner();
        Ok(theirs::AddResponse { result: a.wrapping_add(b) }.into())
    }

    async fn subtract(
        &self,
        request: Request<theirs::SubtractRequest>,
    ) -> Result<Response<theirs::SubtractResponse>, Status> {
        let theirs::SubtractRequest { a, b } = request.into_inner();
        Ok(theirs::SubtractResponse { result: a.wrapping_sub(b) }.into())
    }
}

/// tonic's client.
pub type Stock = theirs::calculator_client::CalculatorClient<tonic::transport::Channel>;

/// tonic's client of tonic's server, over a connection in memory.
///
/// # Panics
/// When there is no connection.
pub async fn duplex() -> Stock {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = theirs::calculator_server::CalculatorServer::new(Adder);
    let incoming = tokio_stream::iter([Ok::<_, std::io::Error>(far)]);
    tokio::spawn(Server::builder().add_service(server).serve_with_incoming(incoming));
    let mut near = Some(near);
    let connector = tower::service_fn(move |_| {
        ready(near.take().map(TokioIo::new).ok_or(std::io::Error::other("there is one connection")))
    });
    let endpoint = Endpoint::from_static("http://in.memory");
    let channel = endpoint.connect_with_connector(connector).await;
    Stock::new(channel.expect("the connection in memory"))
}

/// A mock by hand, which knows one answer, and of each call what no record can do without.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Vec<(MetadataMap, AddRequest, Instant)>>);

impl Calculator for Notebook {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let is_expected = message == REQUEST;
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((metadata, message, Instant::now()));
        match is_expected {
            true => Ok(RESPONSE.into()),
            false => Err(Status::unimplemented("unexpected call")),
        }
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("unexpected call"))
    }
}

/// The contract as mockall takes it.
#[mockall::automock]
pub trait Contract {
    /// The sum of two numbers.
    fn add(
        &self,
        request: Request<AddRequest>,
    ) -> impl Future<Output = Result<Response<AddResponse>, Status>> + Send;
}

/// mockall's mock, with an expectation.
pub fn mockall() -> MockContract {
    let mut mock = MockContract::new();
    mock.expect_add()
        .withf(|request| *request.get_ref() == REQUEST)
        .returning(|_| Box::pin(ready(Ok(Response::new(RESPONSE)))));
    mock
}

/// Our mock, with an expectation.
pub fn ours() -> MockCalculator {
    let mock = MockCalculator::new();
    mock.expect_add().with(REQUEST).returns(RESPONSE);
    mock
}

fn check(response: Result<Response<AddResponse>, Status>) {
    assert_eq!(response.map(Response::into_inner).map_err(|status| status.code()), Ok(RESPONSE));
}

/// Calls over a connection of tonic.
///
/// # Panics
/// When a call fails, as do all of these.
pub async fn over_duplex(client: &Stock, calls: u64) {
    for _ in 0..calls {
        let request = theirs::AddRequest { a: REQUEST.a, b: REQUEST.b };
        let response = client.clone().add(request).await.expect("an answer");
        assert_eq!(response.into_inner().result, RESPONSE.result);
    }
}

/// Calls an implementation of the contract, a mock among them.
pub async fn as_contract(service: &impl Calculator, calls: u64) {
    for _ in 0..calls {
        check(service.add(std::hint::black_box(Request::new(REQUEST))).await);
    }
}

/// Calls through a client.
pub async fn through_client(client: &CalculatorClient, calls: u64) {
    for _ in 0..calls {
        check(client.add(REQUEST).await);
    }
}

/// Calls a mock of mockall.
pub async fn as_mockall(mock: &MockContract, calls: u64) {
    for _ in 0..calls {
        check(mock.add(std::hint::black_box(Request::new(REQUEST))).await);
    }
}
