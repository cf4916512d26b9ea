use rust_scaffold::Status;

use crate::{AddRequest, CalculatorClient, SubtractRequest};

/// Asks for 5 + 3 and 10 - 4, and prints the answers.
///
/// # Errors
/// The status of the first call that fails.
pub async fn print_results(calculator: &CalculatorClient) -> Result<(), Status> {
    let sum = calculator.add(AddRequest { a: 5, b: 3 }).await?.into_inner();
    println!("Add Result: {}", sum.result);
    let difference = calculator.subtract(SubtractRequest { a: 10, b: 4 }).await?.into_inner();
    println!("Subtract Result: {}", difference.result);
    Ok(())
}
