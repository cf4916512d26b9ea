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
//! The first handle of a mock gives the verdict when it is dropped, or when it is
//! [verified](Mock::verify): it panics, on the test's own thread, with everything that went wrong,
//! wherever the calls were made. Clones, clients and servers of it are handles that give none. What
//! nobody has heard when the thread ends on which the mock was made is printed, and ends the process.

mod answer;
mod core;
mod entry;
mod expectation;
mod explain;
mod handle;
mod home;
mod inbound;
mod interactive;
mod kind;
mod message;
mod method;
mod pattern;
mod plan;
mod record;
mod script;
mod sequence;
mod serve;
mod server;
mod tape;
mod timer;

pub use self::{
    expectation::{AnswerFuture, Expectation, IntoResponse},
    handle::{Answering, Mock},
    interactive::{Interactive, LiveCall},
    kind::{
        BidiStreaming, Carried, ClientStreaming, Kind, ResponseStream, ServerStreaming,
        SingleResponse, Unary,
    },
    message::Message,
    method::Method,
    pattern::{
        Collection, Contained, Enum, Fields, Float, Inside, IntoPattern, Lengthy, Map, Moment,
        Pattern, View, Viewed, Whole, all_of, any_of, approx, contains, each, empty, entry, eq, ge,
        gt, le, len, lt, ne, near, none, not, some, starts_with, that, unordered, view, within,
    },
    plan::{IntoTimes, Times},
    record::{Call, Outcome},
    script::{Script, script},
    sequence::Sequence,
    serve::{Serving, serve},
    server::{MockDispatch, MockServer, Mocked},
    tape::{Tape, TapeError, verify_tape},
};
#[doc(hidden)]
pub use self::{
    message::{AnyMessage, Content},
    method::{redact, redact_by},
};
