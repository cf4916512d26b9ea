//! Set-ups that contradict themselves: told where they are written.

use std::time::Duration;

use rust_scaffold::{
    Code, Status,
    mock::{Sequence, script},
};

use crate::{
    calculator::MockCalculator,
    messages::{add, point, query, sum},
    telemetry::MockTelemetry,
};

// red: `never()` lets no call come that an answer could be for
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn never_and_an_answer() {
    let mock = MockCalculator::new();
    mock.expect_add().never().returns(sum(8));
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn an_answer_and_never() {
    let mock = MockCalculator::new();
    mock.expect_add().fails(Status::internal("?")).never();
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn a_stub_with_an_answer_and_never() {
    let mock = MockTelemetry::new();
    mock.on_watch().times(0).streams([point(1.0)]);
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn never_and_a_script() {
    let mock = MockTelemetry::new();
    mock.expect_watch().never().script(script());
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn never_and_a_closure() {
    let mock = MockCalculator::new();
    mock.expect_add().never().answers(async |_| Ok(sum(8)));
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn never_and_interactive() {
    let mock = MockCalculator::new();
    let _calls = mock.expect_add().never().interactive();
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn never_and_flaky() {
    let mock = MockCalculator::new();
    mock.expect_add().never().flaky(2, Code::Unavailable);
}

// red: `never()` lets no call come that an answer could be for
#[test]
fn later_and_never() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(1)).never();
}

// red: after how long it answers was said already: 1s
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn two_delays() {
    let mock = MockCalculator::new();
    let second = Duration::from_secs(1);
    mock.on_add().after(second).after(2 * second).returns(sum(8));
}

// red: how it fails first was said already: 2 calls, with Unavailable
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn flaky_in_two_ways() {
    let mock = MockCalculator::new();
    mock.on_add().flaky(2, Code::Unavailable).flaky(1, Code::Internal).returns(sum(8));
}

// red: a call that fails has another code than `Ok`
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn a_failure_that_is_none() {
    let mock = MockCalculator::new();
    mock.on_add().fails(Status::ok("?"));
}

// red: a call that fails has another code than `Ok`
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn a_failure_with_details_that_is_none() {
    let mock = MockCalculator::new();
    mock.on_add().fails_with(Code::Ok, "?", "");
}

// red: a call that fails has another code than `Ok`
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn flaky_without_a_failure() {
    let mock = MockCalculator::new();
    mock.on_add().flaky(2, Code::Ok).returns(sum(8));
}

// red: a call that fails has another code than `Ok`
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn a_script_with_a_failure_that_is_none() {
    let mock = MockTelemetry::new();
    mock.on_watch().script(script().fail(Status::ok("?")));
}

// red: 3..3 is no number of calls
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn a_number_of_calls_that_is_none() {
    let mock = MockCalculator::new();
    mock.expect_add().times(3..3).returns(sum(8));
}

// red: ..0 is no number of calls
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn less_calls_than_none() {
    let mock = MockCalculator::new();
    mock.on_add().times(..0).returns(sum(8));
}

// red: `never()` lets no call come, whose turn could be in a sequence
#[test]
fn never_in_a_sequence() {
    let mock = MockCalculator::new();
    mock.expect_add().never().in_sequence(&Sequence::new());
}

// red: it has an answer already
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn two_answers() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8)).fails(Status::internal("?"));
}

// red: it has an answer already
#[test]
fn two_streams() {
    let mock = MockTelemetry::new();
    mock.on_watch().streams([point(1.0)]).streams([point(2.0)]);
}

// red: it has an answer already
// not: missing call
#[test]
fn two_responses_one_after_the_other() {
    let mock = MockCalculator::new();
    mock.expect_add().returns_each([sum(8)]).returns_each([sum(9)]);
}

// red: how many calls it takes was said already: exactly 2 calls
// not: missing call
#[test]
fn two_numbers() {
    let mock = MockCalculator::new();
    mock.expect_add().times(2).once().returns(sum(8));
}

// red: how many calls it takes was said already: no calls
#[test]
fn never_and_once() {
    let mock = MockCalculator::new();
    mock.expect_add().never().once();
}

// red: there are 3 responses for at most 2 calls
#[test]
fn more_responses_than_calls() {
    let mock = MockCalculator::new();
    mock.expect_add().times(..=2).returns_each([sum(8), sum(9), sum(10)]);
}

// red: a stub needs no calls, and this says that it does: exactly 2 calls
// red: `expect_…`
#[test]
fn a_stub_that_reads_as_a_demand() {
    let mock = MockCalculator::new();
    mock.on_add().times(2).returns(sum(8));
}

// red: a stub needs no calls, and this says that it does: exactly 1 call
#[test]
fn a_stub_with_once() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8)).once();
}

// red: a stub needs no calls, and this says that it does: at least 1 call
#[test]
fn a_stub_with_a_lower_bound() {
    let mock = MockCalculator::new();
    mock.on_add().times(1..).returns(sum(8));
}

// red: no call gets here: what was set up at
// red: panicked at tests/tests/fooled/wrong/words.rs:
#[test]
fn a_stub_behind_a_stub_for_all_calls() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    mock.on_add().with(add(1, 1)).returns(sum(2));
}

// red: no call gets here: what was set up at
#[test]
fn a_stub_that_streams_behind_a_stub_for_all_calls() {
    let mock = MockTelemetry::new();
    mock.on_watch().hangs();
    mock.on_watch().with(query("a")).streams([point(1.0)]);
}

// red: no call gets here: what was set up at
#[test]
fn an_expectation_behind_one_that_takes_any_number_of_all_calls() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    mock.expect_add().with(add(1, 1)).returns(sum(2));
}
