//! What a server does to a call, and what the client has to make of it.

use std::time::Duration;

use rust_scaffold::Code;

/// A way to fail.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    pub(crate) reach: Reach,
    /// The statuses that the call may end with.
    pub(crate) codes: &'static [Code],
    pub(crate) timeout: Duration,
}

/// Whom a fault harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Call,
    /// All calls of the connection.
    Connection,
    /// All calls of the connection, which are promised that they were not begun with.
    Unbegun,
}

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    Answer,
    Fail,
    Reset(h2::Reason),
    /// Refuses the stream the first time, as if it had not been seen.
    RefuseOnce,
    Stall,
    /// Begins a message and ends well.
    Truncate,
    /// A message, and the end of the stream without trailers.
    NoTrailers,
    NoStatus,
    BadStatus,
    BadFlag,
    TwoMessages,
    NoMessage,
    /// A message beyond the limit of the client.
    Huge,
    LongHeaders,
    LongTrailers,
    Page(u16),
    /// A message that is no protobuf.
    NoProtobuf,
    UnknownEncoding,
    /// Closes the connection without a word.
    Close,
    /// Closes it in the middle of a message.
    CloseHalfWay,
    /// Bytes that are no HTTP/2.
    Garbage,
    /// Says that it goes away, before it has begun with the call.
    GoAway,
}

const ANY: Duration = Duration::from_secs(30);

const fn fault(name: &'static str, act: Act, codes: &'static [Code]) -> Fault {
    Fault { name, act, reach: Reach::Call, codes, timeout: ANY }
}

const fn reset(name: &'static str, reason: h2::Reason, codes: &'static [Code]) -> Fault {
    fault(name, Act::Reset(reason), codes)
}

const fn connection(name: &'static str, act: Act, codes: &'static [Code]) -> Fault {
    Fault { name, act, reach: Reach::Connection, codes, timeout: ANY }
}

/// Every fault, with the status that the specification gives it: for resets the table of [HTTP/2
/// errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors), for pages that of
/// [HTTP statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md), for
/// the rest that of [the library's own
/// errors](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
pub(crate) const FAULTS: &[Fault] = &[
    fault("none", Act::Answer, &[Code::Ok]),
    fault("a status", Act::Fail, &[Code::FailedPrecondition]),
    reset("NO_ERROR", h2::Reason::NO_ERROR, &[Code::Internal]),
    reset("PROTOCOL_ERROR", h2::Reason::PROTOCOL_ERROR, &[Code::Internal]),
    reset("INTERNAL_ERROR", h2::Reason::INTERNAL_ERROR, &[Code::Internal]),
    reset("FLOW_CONTROL_ERROR", h2::Reason::FLOW_CONTROL_ERROR, &[Code::Internal]),
    reset("SETTINGS_TIMEOUT", h2::Reason::SETTINGS_TIMEOUT, &[Code::Internal]),
    reset("FRAME_SIZE_ERROR", h2::Reason::FRAME_SIZE_ERROR, &[Code::Internal]),
    reset("REFUSED_STREAM", h2::Reason::REFUSED_STREAM, &[Code::Unavailable]),
    reset("CANCEL", h2::Reason::CANCEL, &[Code::Cancelled]),
    reset("COMPRESSION_ERROR", h2::Reason::COMPRESSION_ERROR, &[Code::Internal]),
    reset("CONNECT_ERROR", h2::Reason::CONNECT_ERROR, &[Code::Internal]),
    reset("ENHANCE_YOUR_CALM", h2::Reason::ENHANCE_YOUR_CALM, &[Code::ResourceExhausted]),
    reset("INADEQUATE_SECURITY", h2::Reason::INADEQUATE_SECURITY, &[Code::PermissionDenied]),
    fault("REFUSED_STREAM once", Act::RefuseOnce, &[Code::Ok]),
    Fault {
        timeout: Duration::from_millis(50),
        ..fault("stall", Act::Stall, &[Code::DeadlineExceeded])
    },
    fault("truncated message", Act::Truncate, &[Code::Internal]),
    fault("no trailers", Act::NoTrailers, &[Code::Unknown]),
    fault("no grpc-status", Act::NoStatus, &[Code::Unknown]),
    fault("grpc-status of no number", Act::BadStatus, &[Code::Unknown]),
    fault("compressed without a name", Act::BadFlag, &[Code::Internal]),
    fault("two messages", Act::TwoMessages, &[Code::Unimplemented]),
    fault("no message", Act::NoMessage, &[Code::Unimplemented]),
    fault("message over the limit", Act::Huge, &[Code::ResourceExhausted]),
    fault("over-long headers", Act::LongHeaders, &[Code::ResourceExhausted]),
    fault("over-long trailers", Act::LongTrailers, &[Code::ResourceExhausted]),
    fault("text/html, 200", Act::Page(200), &[Code::Unknown]),
    fault("text/html, 401", Act::Page(401), &[Code::Unauthenticated]),
    fault("text/html, 403", Act::Page(403), &[Code::PermissionDenied]),
    fault("text/html, 404", Act::Page(404), &[Code::Unimplemented]),
    fault("text/html, 503", Act::Page(503), &[Code::Unavailable]),
    fault("no protobuf", Act::NoProtobuf, &[Code::Internal]),
    fault("unknown grpc-encoding", Act::UnknownEncoding, &[Code::Internal]),
    connection("connection closed", Act::Close, &[Code::Unavailable]),
    connection("closed half-way", Act::CloseHalfWay, &[Code::Unavailable]),
    connection("garbage", Act::Garbage, &[Code::Unavailable]),
    // A GOAWAY is transparent, time and again; a second refusal is told.
    Fault { reach: Reach::Unbegun, ..fault("GOAWAY", Act::GoAway, &[Code::Ok, Code::Unavailable]) },
];

impl Fault {
    /// The fault of a call: half of the calls have none, and few harm others.
    pub(crate) fn of(number: i32) -> &'static Self {
        let number = number as usize;
        let faults = FAULTS.iter().filter(|fault| fault.reach == Reach::Call);
        match number {
            _ if number % 50 == 49 => {
                let faults = FAULTS.iter().filter(|fault| fault.reach != Reach::Call);
                let faults: Vec<_> = faults.collect();
                faults[number / 50 % faults.len()]
            }
            _ if number.is_multiple_of(2) => &FAULTS[0],
            _ => {
                let faults: Vec<_> = faults.collect();
                faults[number / 2 % faults.len()]
            }
        }
    }

    /// Its place among the others, by which the server is asked for it.
    pub(crate) fn number(&self) -> i32 {
        let same = FAULTS.iter().position(|fault| fault.name == self.name);
        i32::try_from(same.unwrap()).unwrap()
    }
}
