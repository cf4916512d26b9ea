//! Sources of the runtime on loom's mutexes and atomics instead of the standard library's, and what is
//! tried with them in every order that the memory model allows, up to a bound.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod call;
mod h2;

pub use self::h2::{
    a_break_is_not_missed, blocked_calls_are_sent_later, calls_are_answered,
    calls_for_a_connection_that_ends_are_answered, calls_of_a_connection_that_ends_are_answered,
    calls_that_are_given_up_are_let_go, calls_whose_requests_fail_are_told, credit_comes_back_once,
    nothing_is_missed,
};

/// Tries all orders in which a thread is interrupted no more than twice: more take minutes, and two are
/// enough for the errors that such code has.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}
