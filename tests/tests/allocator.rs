//! What glibc's allocator is told is the program's choice. A process of its own, for all of it
//! shares the allocator; elsewhere there is nothing to choose.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
    SubtractResponse,
};
use rust_scaffold::{Request, Response, Server, Status};
use tokio::net::TcpListener;

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod calculator {
    rust_scaffold::include_proto!("calculator");
}

struct Adder;

impl Calculator for Adder {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        Ok(Response::new(AddResponse { result: a + b }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("subtraction"))
    }
}

/// Whether blocks of 256 KiB come from the kernel, each on pages of its own, behind a header of two
/// words. They are never freed: that would tell the allocator to keep them.
fn large_blocks_are_mapped() -> bool {
    (0..8).all(|_| {
        let block = Vec::<u8>::with_capacity(256 * 1024).leak();
        std::hint::black_box(block.as_ptr()) as usize % 4096 == 2 * size_of::<usize>()
    })
}

#[tokio::test]
async fn the_threshold_for_mapped_memory_is_raised_when_the_program_says_so() {
    assert!(large_blocks_are_mapped(), "before anything is called");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new().add_service(CalculatorServer::new(Adder));
    let server = tokio::spawn(server.serve_listener(listener));
    let client = CalculatorClient::connect(format!("http://{address}")).await.unwrap();
    let sum = client.add(AddRequest { a: 5, b: 3 }).await.unwrap().into_inner();
    assert_eq!(sum.result, 8);
    assert!(large_blocks_are_mapped(), "after a call");
    rust_scaffold::raise_mmap_threshold();
    assert!(!large_blocks_are_mapped(), "after it was asked for");
    server.abort();
}
