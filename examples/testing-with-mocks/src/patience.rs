//! Calls that are tried again when the calculator is not there, or too slow.

use std::time::Duration;

use rust_scaffold::{Code, Request, Status};

use crate::contract::calculator::{AddRequest, CalculatorClient};

const ATTEMPTS: u32 = 4;
const LIMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Adds, with a deadline for each attempt and a pause behind it that doubles.
pub(crate) async fn add_patiently(
    calculator: &CalculatorClient,
    numbers: AddRequest,
) -> Result<i32, Status> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match add(calculator, numbers).await {
            Err(status) if may_pass(&status) => tokio::time::sleep(pause).await,
            result => return result,
        }
        pause *= 2;
    }
    add(calculator, numbers).await
}

async fn add(calculator: &CalculatorClient, numbers: AddRequest) -> Result<i32, Status> {
    let mut request = Request::new(numbers);
    request.set_timeout(LIMIT);
    Ok(calculator.add(request).await?.into_inner().result)
}

fn may_pass(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
}

#[cfg(test)]
mod tests {
    use rust_scaffold::mock::within;
    use tokio::time::Instant;

    use super::*;
    use crate::contract::calculator::{AddResponse, MockCalculator};

    const NUMBERS: AddRequest = AddRequest { a: 5, b: 3 };

    #[tokio::test(start_paused = true)]
    async fn a_calculator_that_comes_back_is_asked_again_after_pauses() {
        let mock = MockCalculator::new();
        mock.expect_add()
            .deadline(within(LIMIT))
            .flaky(3, Code::Unavailable)
            .returns(AddResponse { result: 8 });
        let start = Instant::now();
        assert_eq!(add_patiently(&mock.client(), NUMBERS).await.unwrap(), 8);
        // Virtual time: the test takes none.
        assert_eq!(start.elapsed(), Duration::from_secs(1 + 2 + 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_not_waited_for() {
        let mock = MockCalculator::new();
        let slow = Duration::from_secs(30);
        mock.expect_add().once().after(slow).returns(AddResponse { result: 0 });
        mock.expect_add().once().returns(AddResponse { result: 8 });
        let start = Instant::now();
        assert_eq!(add_patiently(&mock.client(), NUMBERS).await.unwrap(), 8);
        assert_eq!(start.elapsed(), LIMIT + FIRST_PAUSE);
        assert!(mock.add_calls()[0].outcome.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let mock = MockCalculator::new();
        mock.expect_add().times(ATTEMPTS as usize).hangs();
        let status = add_patiently(&mock.client(), NUMBERS).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn what_will_not_pass_is_not_tried_again() {
        let mock = MockCalculator::new();
        mock.expect_add().once().fails(Status::out_of_range("too much"));
        let status = add_patiently(&mock.client(), NUMBERS).await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange);
    }
}
