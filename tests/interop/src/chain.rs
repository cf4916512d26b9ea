//! A service in a chain, which calls the next one: see `python/chain.py`.

use rust_scaffold::{Context, Request, Response, Server, Status, metadata::MetadataValue};
use tokio::{net::TcpListener, time::Instant};

use crate::contract::calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
    SubtractResponse,
};

/// Serves, on a free port that is printed, until the process ends.
pub(crate) async fn serve(next: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let next = match next {
        Some(address) => Some(CalculatorClient::connect(format!("http://{address}")).await?),
        None => None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Server::new()
        .add_service(CalculatorServer::new(Link { next }))
        .serve_listener(listener)
        .await?;
    Ok(())
}

struct Link {
    /// None at the end of the chain.
    next: Option<CalculatorClient>,
}

impl Calculator for Link {
    /// Tells, in its metadata, how much time it has and which trace it is part of; those behind it tell first.
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let deadline = Context::current().deadline();
        let deadline = deadline.ok_or_else(|| Status::internal("the call has no deadline"))?;
        let left = deadline.saturating_duration_since(Instant::now()).as_micros();
        let trace = request.metadata().get("traceparent").cloned();
        let AddRequest { a, b } = request.into_inner();
        let mut response = match &self.next {
            Some(next) => next.add(AddRequest { a, b }).await?,
            None => Response::new(AddResponse { result: a + b }),
        };
        let told = response.metadata_mut();
        told.append(
            "microseconds-left",
            MetadataValue::try_from(left.to_string()).expect("digits"),
        );
        told.append("traced", trace.unwrap_or_else(|| MetadataValue::from_static("no")));
        Ok(response)
    }

    /// Waits for ever, and says so; and says when it is dropped.
    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let _ended = Ended;
        println!("began");
        match &self.next {
            Some(next) => next.subtract(request.into_inner()).await,
            None => std::future::pending().await,
        }
    }
}

struct Ended;

impl Drop for Ended {
    fn drop(&mut self) {
        println!("ended");
    }
}
