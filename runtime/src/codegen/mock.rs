//! What generated mocks and matchers name.

pub use bytes::Bytes;

pub use crate::mock::{
    BidiStreaming, Call, ClientStreaming, Enum, Expectation, Fields, IntoPattern, Map, Method,
    Mock, MockServer, Mocked, Pattern, ServerStreaming, Serving, Tape, TapeError, Unary, View,
    redact, redact_by, serve, verify_tape, view,
};
