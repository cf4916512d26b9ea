//! What a test has said of the calls of a method: which it means, how many, and their answer.

use std::{
    fmt,
    future::Future,
    ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use tonic::{Code, Extensions, Request, Response, Status, metadata::MetadataMap};

use super::{
    condition::{CallView, Condition},
    message::{AnyMessage, Content},
    offer::Offers,
    pattern::Report,
    place::Place,
    script::Steps,
    sequence::Sequence,
};

/// An expectation or a stub.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) place: Place,
    /// Whether it has to be used: an expectation, not a stub.
    pub(crate) required: bool,
    /// The thread that is still writing it.
    pub(crate) writer: Option<ThreadId>,
    pub(crate) conditions: Vec<Arc<dyn Condition>>,
    pub(crate) times: Option<Times>,
    /// Its steps in sequences, of which there is one in each.
    pub(crate) steps: Vec<(Sequence, usize)>,
    pub(crate) delay: Option<Duration>,
    /// How many calls fail before the answer is given, and with what.
    pub(crate) flaky: Option<(usize, Code)>,
    pub(crate) behaviour: Option<Behaviour>,
    /// The calls that it has taken. Copies of the plan share it.
    taken: Arc<AtomicUsize>,
}

/// What comes of a call.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// The same response every time.
    Returns(Arc<CannedResponse>),
    /// A response for each call.
    ReturnsEach(Arc<[Arc<CannedResponse>]>),
    Fails(Status),
    /// Whatever the function makes of the request.
    Handles(ErasedHandler),
    /// The test is asked to answer.
    Offers(Offers),
    Streams(Arc<[AnyMessage]>),
    Plays(Arc<Steps>),
    Hangs,
    DropsConnection,
}

/// What is answered.
#[allow(clippy::large_enum_variant, reason = "it is taken apart as soon as it is there")]
pub(crate) enum PlannedResponse {
    /// A response that the test has named.
    Shared(Arc<CannedResponse>),
    /// One that was made for the call.
    Made(Response<Content>),
}

/// A response that can be given more than once.
#[derive(Debug)]
pub(crate) struct CannedResponse {
    pub(crate) metadata: MetadataMap,
    pub(crate) message: AnyMessage,
    pub(crate) extensions: Extensions,
}

pub(crate) type ErasedHandler = Arc<dyn Fn(Request<Content>) -> ErasedFuture + Send + Sync>;

pub(crate) type ErasedFuture =
    Pin<Box<dyn Future<Output = Result<Response<Content>, Status>> + Send>>;

impl Plan {
    pub(crate) fn new(place: Place, required: bool) -> Self {
        Self {
            place,
            required,
            writer: None,
            conditions: Vec::new(),
            times: None,
            steps: Vec::new(),
            delay: None,
            flaky: None,
            behaviour: None,
            taken: Arc::default(),
        }
    }

    /// Whether both are states of the same plan.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.taken, &other.taken)
    }

    /// Whether it is part of a statement that is not over. On its own thread it is not, when a call comes.
    pub(crate) fn is_being_written(&self) -> bool {
        self.writer.is_some_and(|writer| writer != thread::current().id())
    }

    /// How many calls it needs and takes: what the test said, or what its answer is good for, and those
    /// that fail before.
    pub(crate) fn times(&self) -> Times {
        let implied = match &self.behaviour {
            Some(Behaviour::ReturnsEach(responses)) => Times::exactly(responses.len()),
            _ if self.steps.is_empty() => Times { min: 1, max: usize::MAX },
            _ => Times::exactly(1),
        };
        let Times { min, max } = self.times.unwrap_or(implied);
        // Where no call is needed, or none may come, none has to fail.
        let failures = self.flaky.map_or(0, |(failures, _)| failures);
        let with_failures = |calls: usize| match calls {
            0 => 0,
            calls => calls.saturating_add(failures),
        };
        Times { min: if self.required { with_failures(min) } else { 0 }, max: with_failures(max) }
    }

    /// After how long it answers.
    pub(crate) fn delay(&self) -> Duration {
        self.delay.unwrap_or_default()
    }

    /// The calls that it has taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a call, or says why it cannot. The state of its mock is locked meanwhile.
    #[inline]
    pub(crate) fn take(&self) -> Result<usize, String> {
        let taken = self.taken();
        if taken >= self.times().max {
            return Err(used_up(taken));
        }
        for (taken, (sequence, step)) in self.steps.iter().enumerate() {
            if let Err(blocked) = sequence.take(*step) {
                self.steps[..taken].iter().for_each(|(sequence, step)| sequence.put_back(*step));
                return Err(blocked);
            }
        }
        self.taken.store(taken + 1, Ordering::Relaxed);
        Ok(taken)
    }

    /// Why it cannot take a call now, whatever the call is.
    pub(crate) fn closed(&self) -> Option<String> {
        if self.taken() >= self.times().max {
            return Some(used_up(self.taken()));
        }
        self.steps.iter().find_map(|(sequence, step)| sequence.blocked(*step))
    }

    pub(crate) fn is_met(&self) -> bool {
        self.taken() >= self.times().min
    }

    /// Whether calls like this must not come at all.
    pub(crate) fn forbids(&self) -> bool {
        self.times().max == 0
    }

    /// Whether no call of its method gets past it.
    pub(crate) fn takes_all_calls(&self) -> bool {
        let is_open = self.conditions.is_empty() && self.steps.is_empty();
        let is_said = self.behaviour.is_some() && !self.is_being_written();
        is_open && is_said && self.times().max == usize::MAX
    }

    /// What in it cannot hold together, in words.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let times = self.times?;
        let is_answered = self.behaviour.is_some() || self.flaky.is_some() || self.delay.is_some();
        match &self.behaviour {
            _ if times.max == 0 && is_answered => {
                Some("`never()` lets no call come that an answer could be for".to_owned())
            }
            _ if times.max == 0 && !self.steps.is_empty() => {
                Some("`never()` lets no call come, whose turn could be in a sequence".to_owned())
            }
            _ if times.min > 0 && !self.required => Some(format!(
                "a stub needs no calls, and this says that it does: {times}. Calls that have to come \
                 are expected, with `expect_…`; a stub takes at most 2 with `.times(..=2)`",
            )),
            Some(Behaviour::ReturnsEach(responses)) if responses.len() > times.max => {
                let calls = count(times.max, "call");
                Some(format!("there are {} responses for at most {calls}", responses.len()))
            }
            _ => None,
        }
    }

    pub(crate) fn check(&self, view: &CallView<'_>, report: &mut Report) {
        for condition in &self.conditions {
            condition.check(view, report);
        }
    }

    /// `exactly 1 call with AddRequest { a: 1 }`
    pub(crate) fn describe(&self) -> String {
        let calls = match self.required {
            true => self.times().to_string(),
            false => match self.times().max {
                usize::MAX => "any calls".to_owned(),
                max => format!("at most {}", count(max, "call")),
            },
        };
        let conditions = self.conditions.iter().map(|condition| condition.describe());
        let conditions = conditions.collect::<Vec<_>>().join(", ");
        match conditions.is_empty() {
            true => calls,
            false => format!("{calls} {conditions}"),
        }
    }
}

fn used_up(taken: usize) -> String {
    match taken {
        0 => "no such call may come".to_owned(),
        taken => format!("it has had its {}", count(taken, "call")),
    }
}

/// How many calls.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::mock::{IntoTimes, Times};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// As often as a test calls.
/// fn often(retries: usize) -> Times {
///     (1..=1 + retries).into_times()
/// }
///
/// let mock = MockCalculator::new();
/// mock.expect_add().times(often(2)).returns(AddResponse { result: 8 });
/// # mock.client().add(AddRequest { a: 5, b: 3 }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub(crate) min: usize,
    /// The most; `usize::MAX` for any number.
    pub(crate) max: usize,
}

impl Times {
    pub(crate) fn exactly(calls: usize) -> Self {
        Self { min: calls, max: calls }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (0, 0) => f.write_str("no calls"),
            (min, max) if min == max => write!(f, "exactly {}", count(min, "call")),
            (0, usize::MAX) => f.write_str("any calls"),
            (min, usize::MAX) => write!(f, "at least {}", count(min, "call")),
            (0, max) => write!(f, "at most {}", count(max, "call")),
            (min, max) => write!(f, "{min} to {}", count(max, "call")),
        }
    }
}

/// `1 call`, `2 calls`
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// How many calls an expectation takes: a number, or a range such as `1..` or `2..=3`. The trait is sealed.
///
/// ```
/// # use rust_scaffold::mock::{Expectation, Unary};
/// # fn set_up(first: Expectation<Unary<i32, i32>>, second: Expectation<Unary<i32, i32>>) {
/// first.times(2).returns(1);
/// second.times(2..=3).returns(1);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of calls",
    label = "neither a `usize` nor a range of `usize`",
    note = "say `times(3)`, `times(1..)`, `times(2..=3)` or, for a `number` of another type, \
            `times(number as usize)`"
)]
pub trait IntoTimes: sealed::SealedTimes {
    /// The numbers that are in it.
    ///
    /// # Panics
    /// When there are none.
    #[track_caller]
    fn into_times(self) -> Times;
}

impl IntoTimes for Times {
    fn into_times(self) -> Times {
        self
    }
}

impl IntoTimes for usize {
    fn into_times(self) -> Times {
        Times::exactly(self)
    }
}

impl IntoTimes for Range<usize> {
    #[track_caller]
    fn into_times(self) -> Times {
        assert!(!self.is_empty(), "{self:?} is no number of calls");
        Times { min: self.start, max: self.end - 1 }
    }
}

impl IntoTimes for RangeInclusive<usize> {
    #[track_caller]
    fn into_times(self) -> Times {
        assert!(!self.is_empty(), "{self:?} is no number of calls");
        Times { min: *self.start(), max: *self.end() }
    }
}

impl IntoTimes for RangeFrom<usize> {
    fn into_times(self) -> Times {
        Times { min: self.start, max: usize::MAX }
    }
}

impl IntoTimes for RangeTo<usize> {
    #[track_caller]
    fn into_times(self) -> Times {
        assert!(self.end > 0, "{self:?} is no number of calls");
        Times { min: 0, max: self.end - 1 }
    }
}

impl IntoTimes for RangeToInclusive<usize> {
    #[track_caller]
    fn into_times(self) -> Times {
        (0..=self.end).into_times()
    }
}

impl IntoTimes for RangeFull {
    fn into_times(self) -> Times {
        (0..).into_times()
    }
}

/// Keeps the trait from being implemented elsewhere, so that it can grow.
///
/// ```compile_fail,E0277
/// use rust_scaffold::mock::{IntoTimes, Times};
///
/// struct Twice;
///
/// impl IntoTimes for Twice {
///     fn into_times(self) -> Times {
///         2_usize.into_times()
///     }
/// }
/// ```
mod sealed {
    use super::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive, Times};

    pub trait SealedTimes {}

    impl SealedTimes for Times {}

    impl SealedTimes for usize {}

    impl SealedTimes for Range<usize> {}

    impl SealedTimes for RangeInclusive<usize> {}

    impl SealedTimes for RangeFrom<usize> {}

    impl SealedTimes for RangeTo<usize> {}

    impl SealedTimes for RangeToInclusive<usize> {}

    impl SealedTimes for RangeFull {}
}
