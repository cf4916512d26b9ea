//! Adds up prices, each sum only once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rust_scaffold::Status;

use crate::{
    contract::calculator::{AddRequest, CalculatorClient},
    patience::add_patiently,
};

/// Holds the client as it is: no type parameter, no trait object.
pub(crate) struct Checkout {
    calculator: CalculatorClient,
    known: Mutex<HashMap<(i32, i32), i32>>,
}

impl Checkout {
    pub(crate) fn new(calculator: CalculatorClient) -> Self {
        Self { calculator, known: Mutex::default() }
    }

    pub(crate) async fn total(&self, prices: &[i32]) -> Result<i32, Status> {
        let mut total = 0;
        for price in prices {
            total = self.sum(total, *price).await?;
        }
        Ok(total)
    }

    async fn sum(&self, a: i32, b: i32) -> Result<i32, Status> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(a, b)).copied();
        if let Some(sum) = known {
            return Ok(sum);
        }
        let sum = add_patiently(&self.calculator, AddRequest { a, b }).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert((a, b), sum);
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use rust_scaffold::{Code, mock::ge};

    use super::*;
    use crate::{
        Abacus,
        contract::calculator::{AddResponse, MockCalculator, like},
    };

    #[tokio::test]
    async fn a_sum_is_asked_for_once() {
        let mock = MockCalculator::new();
        mock.expect_add().with(AddRequest { a: 0, b: 5 }).once().returns(AddResponse { result: 5 });
        mock.expect_add()
            .with(like::AddRequest::new().a(5).b(ge(3)))
            .once()
            .returns(AddResponse { result: 8 });
        let checkout = Checkout::new(mock.client());
        for _ in 0..3 {
            assert_eq!(checkout.total(&[5, 3]).await.unwrap(), 8);
        }
        assert_eq!(mock.add_calls().len(), 2);
    }

    #[tokio::test]
    async fn a_sum_that_failed_is_asked_for_again() {
        let mock = MockCalculator::new();
        mock.expect_add().once().fails(Status::out_of_range("too much"));
        mock.expect_add().once().returns(AddResponse { result: 5 });
        let checkout = Checkout::new(mock.client());
        assert_eq!(checkout.total(&[5]).await.unwrap_err().code(), Code::OutOfRange);
        assert_eq!(checkout.total(&[5]).await.unwrap(), 5);
    }

    /// A real calculator that fails now and then: what the mock is not told to do, it does.
    #[tokio::test(start_paused = true)]
    async fn faults_in_front_of_a_real_calculator_change_nothing() {
        let spy = MockCalculator::spy(Abacus);
        spy.expect_add().with(like::AddRequest::new().b(3)).once().drops_connection();
        let checkout = Checkout::new(spy.client());
        assert_eq!(checkout.total(&[5, 3]).await.unwrap(), 8);
        assert_eq!(spy.add_calls().len(), 3);
    }

    #[tokio::test]
    async fn a_tape_of_a_real_calculator_stands_in_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkout.jsonl");
        let spy = MockCalculator::spy(Abacus);
        let _ = spy.record(&path).unwrap();
        assert_eq!(Checkout::new(spy.client()).total(&[5, 3]).await.unwrap(), 8);

        let replayed = MockCalculator::replay(&path).unwrap();
        assert_eq!(Checkout::new(replayed.client()).total(&[5, 3]).await.unwrap(), 8);
        MockCalculator::verify_tape(&path, Abacus).await.unwrap();
    }

    #[tokio::test]
    #[should_panic(expected = "b: expected 4, got 3")]
    async fn a_call_that_was_not_expected_fails_the_test() {
        let mock = MockCalculator::new();
        mock.expect_add().with(AddRequest { a: 0, b: 4 }).returns(AddResponse { result: 4 });
        // The code under test may do with the failure what it likes.
        let _ = Checkout::new(mock.client()).total(&[3]).await;
    }
}
