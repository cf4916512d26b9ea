use rust_scaffold::{Request, Response, Status};

use crate::{AddRequest, AddResponse, Calculator, SubtractRequest, SubtractResponse};

/// Calculates, and answers `OutOfRange` where the result does not fit: never a wrong number.
#[derive(Clone, Copy, Debug, Default)]
pub struct MyCalculator;

impl Calculator for MyCalculator {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        let result = a.checked_add(b).ok_or_else(|| does_not_fit(&format!("{a} + {b}")))?;
        Ok(Response::new(AddResponse { result }))
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        let result = a.checked_sub(b).ok_or_else(|| does_not_fit(&format!("{a} - {b}")))?;
        Ok(Response::new(SubtractResponse { result }))
    }
}

fn does_not_fit(expression: &str) -> Status {
    Status::out_of_range(format!("{expression} does not fit in an int32"))
}

#[cfg(test)]
mod tests {
    use rust_scaffold::Code;

    use super::*;
    use crate::CalculatorClient;

    async fn add(a: i32, b: i32) -> Result<i32, Status> {
        let calculator = CalculatorClient::in_process(MyCalculator);
        Ok(calculator.add(AddRequest { a, b }).await?.into_inner().result)
    }

    async fn subtract(a: i32, b: i32) -> Result<i32, Status> {
        let calculator = CalculatorClient::in_process(MyCalculator);
        Ok(calculator.subtract(SubtractRequest { a, b }).await?.into_inner().result)
    }

    #[tokio::test]
    async fn numbers_are_added_and_subtracted() -> Result<(), Status> {
        assert_eq!(add(5, 3).await?, 8);
        assert_eq!(add(-5, 3).await?, -2);
        assert_eq!(subtract(10, 4).await?, 6);
        assert_eq!(subtract(4, 10).await?, -6);
        Ok(())
    }

    #[tokio::test]
    async fn results_reach_the_limits_of_int32() -> Result<(), Status> {
        assert_eq!(add(i32::MAX - 1, 1).await?, i32::MAX);
        assert_eq!(add(i32::MIN, i32::MAX).await?, -1);
        assert_eq!(subtract(i32::MIN + 1, 1).await?, i32::MIN);
        assert_eq!(subtract(-1, i32::MIN).await?, i32::MAX);
        Ok(())
    }

    #[tokio::test]
    async fn overflow_is_out_of_range() {
        let sum = add(i32::MAX, 1).await.unwrap_err();
        assert_eq!(sum.code(), Code::OutOfRange);
        assert_eq!(sum.message(), "2147483647 + 1 does not fit in an int32");

        let difference = subtract(0, i32::MIN).await.unwrap_err();
        assert_eq!(difference.code(), Code::OutOfRange);
        assert_eq!(difference.message(), "0 - -2147483648 does not fit in an int32");
    }
}
