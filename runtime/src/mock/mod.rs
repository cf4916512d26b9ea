//! Mocks of generated services, for tests: the feature `mock`.
//!
//! A generated mock, such as `MockCalculator`, is an implementation of its contract that answers as
//! the test says and checks what the test expects. What it says is said with this module:
//!
//! - an [`Expectation`] for each kind of call it is to get;
//! - patterns for requests, such as [`ge`], [`len`] and [`approx`], for the fields of the generated
//!   matchers in `calculator_mock::like`, and anywhere a value could stand;
//! - [`script`]s for streams, [`Interactive`] calls, [`Sequence`]s, [`Tape`]s;
//! - [`Call`]s, to look at afterwards.
//!
//! The [`guide`] shows all of it.
//!
//! The first handle of a mock gives the verdict when it is dropped, or when it is
//! verified (`verify`): it panics, on the test's own thread, with everything that went wrong,
//! wherever the calls were made. Clones, clients and servers of it are handles that give none. What
//! nobody has heard when the thread ends on which the mock was made is printed, and ends the process.

#[doc = "The guide, with what mocks can do and how: `docs/testing.md` of the project."]
#[doc = ""]
// Its examples use generated code: the tests of the project compile and run them.
#[cfg_attr(not(doctest), doc = include_str!("../../docs/testing.md"))]
pub mod guide {}

mod answer;
mod choose;
mod condition;
mod converted;
mod core;
mod entry;
mod erased;
mod expectation;
mod explain;
#[doc(hidden)]
pub mod face;
mod handle;
mod home;
mod inbound;
mod interactive;
mod interactive_response;
mod kind;
mod message;
mod method;
mod mocked;
mod offer;
mod pattern;
mod place;
mod plan;
mod record;
mod running;
mod script;
mod script_player;
mod sequence;
mod serve;
mod server;
mod setup;
mod tape;
mod timer;
mod verdict;

pub use self::{
    expectation::{Expectation, IntoResponse},
    interactive::{Interactive, LiveCall},
    kind::{BidiStreaming, ClientStreaming, Kind, ServerStreaming, Unary},
    pattern::{
        Enum, IntoPattern, Pattern, all_of, any_of, approx, contains, each, empty, entry, eq, ge,
        gt, le, len, lt, ne, near, none, not, some, starts_with, that, unordered, within,
    },
    plan::{IntoTimes, Times},
    record::{Call, Outcome},
    script::{Script, script},
    sequence::Sequence,
    serve::Serving,
    tape::{Tape, TapeError},
};
// What generated code and bounds name.
#[doc(hidden)]
pub use self::{
    expectation::AnswerFn,
    handle::{Answering, Mock},
    kind::{Carried, ResponseStream, SingleResponse},
    message::{AnyMessage, Content, Message},
    method::{Method, redact, redact_by},
    mocked::Mocked,
    pattern::{
        Collection, Contained, Fields, Float, Inside, Lengthy, Map, Moment, View, Viewed, Whole,
        view,
    },
    serve::serve,
    server::{MockDispatch, MockServer},
    tape::verify_tape,
};
