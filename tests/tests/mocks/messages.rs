//! Short ways to the messages of the tests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    calculator::{AddRequest, AddResponse},
    telemetry::{Point, Query, Summary, point::Value},
};

pub(crate) fn add(a: i32, b: i32) -> AddRequest {
    AddRequest { a, b }
}

pub(crate) fn sum(result: i32) -> AddResponse {
    AddResponse { result }
}

pub(crate) fn query(series: &str) -> Query {
    Query { series: series.into(), ..Query::default() }
}

pub(crate) fn point(number: f64) -> Point {
    Point { series: "a".into(), value: Some(Value::Number(number)), ..Point::default() }
}

pub(crate) fn summary(accepted: u64) -> Summary {
    Summary { accepted, ..Summary::default() }
}

/// What `act` panics with: a verdict, on the thread of the test.
pub(crate) fn verdict(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("there should be a verdict");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// What dropping `mock` panics with.
pub(crate) fn verdict_of(mock: impl Sized) -> String {
    verdict(|| drop(mock))
}
