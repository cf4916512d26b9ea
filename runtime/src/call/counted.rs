//! Counts how the calls of a channel end, whatever carries them.

use tonic::{Status, metadata::MetadataMap};

use super::{body::Body, observer::MessageObserver, reply::Reply};
use crate::channelz::CountedCall;

/// Counts how a call ends that has been answered with `reply`: at once if that is known, and otherwise with its body.
#[inline]
pub(crate) fn count_reply(call: &mut CountedCall, reply: &mut Result<Reply, Status>) {
    if !call.is_counted() {
        return;
    }
    match reply {
        // Changed in place: moving it costs.
        Ok(reply) => match reply.body.is_ok() {
            Some(is_ok) => call.end(is_ok),
            None => {
                let body = std::mem::replace(&mut reply.body, Body::empty());
                reply.body = body.observed(Box::new(EndOfCall(std::mem::take(call))));
            }
        },
        Err(_) => call.end(false),
    }
}

/// Counts how a call ends whose response it observes.
pub(crate) struct EndOfCall(pub(crate) CountedCall);

impl MessageObserver for EndOfCall {
    fn on_data(&mut self, _: &[u8]) {}

    fn on_message(&mut self) {}

    fn on_end(&mut self, ended: Result<&MetadataMap, &Status>) {
        self.0.end(ended.is_ok());
    }
}
