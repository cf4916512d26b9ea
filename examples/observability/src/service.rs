//! A calculator that adds.

#![allow(missing_docs, reason = "the proto leaves its messages without comments")]

use rust_scaffold::{Request, Response, Status};

rust_scaffold::include_proto!("calculator");

/// Adds, and leaves everything else to others.
#[derive(Clone, Copy, Debug)]
pub struct Adder;

impl Calculator for Adder {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        tracing::info!(a, b, "adding");
        Ok(Response::new(AddResponse { result: a.wrapping_add(b) }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("this calculator only adds"))
    }
}
