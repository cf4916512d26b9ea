//! What happens in a call, while it is recorded.

use tonic::metadata::MetadataMap;

use crate::mock::message::AnyMessage;

/// What of a call goes onto a tape, beside what is remembered of every call.
#[derive(Clone, Default)]
pub(crate) struct Trace {
    pub(super) header: MetadataMap,
    pub(super) events: Vec<Event<AnyMessage>>,
    pub(super) trailers: MetadataMap,
}

impl Trace {
    /// That of a call which has had `requests` so far.
    pub(crate) fn of<'a>(requests: impl Iterator<Item = &'a AnyMessage>) -> Box<Self> {
        let mut trace = Box::<Self>::default();
        for request in requests {
            trace.request(request);
        }
        trace
    }

    pub(crate) fn header(&mut self, header: &MetadataMap) {
        self.header = header.clone();
    }

    pub(crate) fn request(&mut self, request: &AnyMessage) {
        self.events.push(Event::Request(request.clone()));
    }

    /// The end of the requests, which is seen as often as they are asked for behind it.
    pub(crate) fn requests_end(&mut self) {
        if !self.events.iter().any(|event| matches!(event, Event::End)) {
            self.events.push(Event::End);
        }
    }

    pub(crate) fn response(&mut self, response: &AnyMessage) {
        self.events.push(Event::Response(response.clone()));
    }

    /// The response of a method that has one.
    pub(crate) fn only(&mut self, response: &AnyMessage, trailers: Option<&MetadataMap>) {
        self.response(response);
        self.trailers = trailers.cloned().unwrap_or_default();
    }

    pub(crate) fn trailers(&mut self, trailers: &MetadataMap) {
        self.trailers = trailers.clone();
    }
}

/// What happened in a call, in its order.
#[derive(Clone)]
pub(crate) enum Event<M> {
    Request(M),
    /// The end of a stream of requests.
    End,
    Response(M),
}
