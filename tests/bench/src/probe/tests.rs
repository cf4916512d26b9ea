//! A whole test of one call, set-up, call and verification: against a server of tonic on a port,
//! and against mockall.

use std::future::ready;

use bench::{
    calls::{Adder, Contract as _, MockContract},
    scaffold::calculator::{AddRequest, AddResponse, Calculator, MockCalculator},
    stock::calculator as theirs,
};
use rust_scaffold::{Request, Response};
use tonic::transport::Server;

use crate::{
    Row,
    clock::{Work, medians},
};

const ROUNDS: usize = 15;

pub(crate) async fn run() -> Vec<Row> {
    let works: [(u64, Work<'_>); 4] = [
        (200, Box::new(|tests| Box::pin(mocked(tests)))),
        (20, Box::new(|tests| Box::pin(on_a_port(tests)))),
        (200, Box::new(|tests| Box::pin(as_contract(tests)))),
        (200, Box::new(|tests| Box::pin(by_mockall(tests)))),
    ];
    let [ours, tonic, contract, mockall] = medians(ROUNDS, works).await;
    let cpu = ("CPU per test", "us");
    vec![
        ("whole debug test", "rust-scaffold", cpu, ours / 1000.0),
        ("whole debug test", "tonic", cpu, tonic / 1000.0),
        ("debug test of a contract", "rust-scaffold", cpu, contract / 1000.0),
        ("debug test of a contract", "mockall", cpu, mockall / 1000.0),
    ]
}

async fn mocked(tests: u64) {
    for _ in 0..tests {
        let mock = MockCalculator::new();
        mock.expect_add().with(AddRequest { a: 5, b: 3 }).once().returns(AddResponse { result: 8 });
        let response = mock.client().add(AddRequest { a: 5, b: 3 }).await.expect("an answer");
        assert_eq!(response.into_inner().result, 8);
        mock.verify();
    }
}

async fn as_contract(tests: u64) {
    for _ in 0..tests {
        let mock = MockCalculator::new();
        mock.expect_add().with(AddRequest { a: 5, b: 3 }).once().returns(AddResponse { result: 8 });
        let request = Request::new(AddRequest { a: 5, b: 3 });
        let response = Calculator::add(&mock, request).await.expect("an answer");
        assert_eq!(response.into_inner().result, 8);
        mock.verify();
    }
}

async fn by_mockall(tests: u64) {
    for _ in 0..tests {
        let mut mock = MockContract::new();
        mock.expect_add()
            .withf(|request| *request.get_ref() == AddRequest { a: 5, b: 3 })
            .times(1)
            .returning(|_| Box::pin(ready(Ok(Response::new(AddResponse { result: 8 })))));
        let request = Request::new(AddRequest { a: 5, b: 3 });
        let response = mock.add(request).await.expect("an answer");
        assert_eq!(response.into_inner().result, 8);
        mock.checkpoint();
    }
}

async fn on_a_port(tests: u64) {
    for _ in 0..tests {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let service = theirs::calculator_server::CalculatorServer::new(Adder);
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = Server::builder().add_service(service).serve_with_incoming(incoming);
        let server = tokio::spawn(server);
        let uri = format!("http://{address}");
        let client = theirs::calculator_client::CalculatorClient::connect(uri).await;
        let request = theirs::AddRequest { a: 5, b: 3 };
        let response = client.expect("a connection").add(request).await.expect("an answer");
        assert_eq!(response.into_inner().result, 8);
        server.abort();
        // Its end is that it was aborted.
        let _ = server.await;
    }
}
