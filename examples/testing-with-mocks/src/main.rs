//! A checkout that has its sums added elsewhere. The point of it is in the tests of the modules.

mod checkout;
mod contract;
mod follow;
mod patience;

use rust_scaffold::{Request, Response, Status};

use checkout::Checkout;
use contract::calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, SubtractRequest, SubtractResponse,
};

/// A calculator in this process.
struct Abacus;

impl Calculator for Abacus {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        let result = a.checked_add(b).ok_or_else(|| Status::out_of_range("too much"))?;
        Ok(Response::new(AddResponse { result }))
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        let result = a.checked_sub(b).ok_or_else(|| Status::out_of_range("too little"))?;
        Ok(Response::new(SubtractResponse { result }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Status> {
    let checkout = Checkout::new(CalculatorClient::in_process_direct(Abacus));
    println!("Total: {}", checkout.total(&[2, 3, 3]).await?);
    Ok(())
}
