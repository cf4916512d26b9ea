//! Allocations of one small unary call, from the client to the generated server in one process.

use std::future::Future;

use crate::report::Report;

const CALLS: u64 = 1000;

mod scaffold {
    //! Our generated code.
    #![allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
    include!(concat!(env!("OUT_DIR"), "/scaffold/mod.rs"));
}

mod stock {
    //! The generated code of tonic.
    #![allow(dead_code, missing_docs, unreachable_pub)]
    #![allow(clippy::doc_markdown, clippy::too_many_arguments, clippy::too_many_lines)]
    include!(concat!(env!("OUT_DIR"), "/tonic/mod.rs"));
}

struct Adder;

mod ours {
    //! The service and its clients on our runtime.
    use rust_scaffold::{Channel, Request, Response, Status};

    use super::{
        Adder,
        scaffold::calculator::{
            AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer,
            SubtractRequest, SubtractResponse,
        },
    };

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

    /// Straight into the dispatch.
    pub(super) fn in_process() -> CalculatorClient {
        CalculatorClient::in_process(Adder)
    }

    /// Through `http::Request`, as tonic's generated client on tonic's generated server goes.
    pub(super) fn tower() -> CalculatorClient {
        CalculatorClient::new(Channel::new(CalculatorServer::new(Adder)))
    }

    pub(super) async fn add(client: &CalculatorClient) -> Result<i32, Status> {
        Ok(client.add(AddRequest { a: 5, b: 3 }).await?.into_inner().result)
    }
}

mod theirs {
    //! The service and its client on tonic.
    use tonic::{Request, Response, Status, async_trait};

    use super::{
        Adder,
        stock::calculator::{
            AddRequest, AddResponse, SubtractRequest, SubtractResponse,
            calculator_client::CalculatorClient,
            calculator_server::{Calculator, CalculatorServer},
        },
    };

    #[async_trait]
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

    pub(super) type Client = CalculatorClient<CalculatorServer<Adder>>;

    pub(super) fn client() -> Client {
        CalculatorClient::new(CalculatorServer::new(Adder))
    }

    pub(super) async fn add(client: &Client) -> Result<i32, Status> {
        Ok(client.clone().add(AddRequest { a: 5, b: 3 }).await?.into_inner().result)
    }
}

/// Counts for each peer.
pub(crate) fn run() -> Report {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut report = Report::default();
    let (in_process, tower, stock) = (ours::in_process(), ours::tower(), theirs::client());
    count(&mut report, "rust-scaffold", || ours::add(&in_process));
    count(&mut report, "rust-scaffold (tower)", || ours::add(&tower));
    count(&mut report, crate::report::BASELINE, || theirs::add(&stock));
    report
}

fn count<F>(report: &mut Report, peer: &'static str, call: impl Fn() -> F)
where
    F: Future<Output = Result<i32, tonic::Status>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers cannot fail to start");
    let calls = async || {
        for _ in 0..CALLS {
            assert_eq!(call().await.map_err(|status| status.code()), Ok(8));
        }
    };
    runtime.block_on(calls());
    let before = dhat::HeapStats::get();
    runtime.block_on(calls());
    let after = dhat::HeapStats::get();
    let case = ("unary add, in process", peer);
    let per_call = |total: u64| (total / CALLS) as f64;
    report.add(case, ("allocations", "count"), per_call(after.total_blocks - before.total_blocks));
    report.add(case, ("allocated", "bytes"), per_call(after.total_bytes - before.total_bytes));
}
