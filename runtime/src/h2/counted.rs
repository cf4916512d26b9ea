//! What a connection's socket counts of its streams. Without the feature `admin`, nothing.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

#[cfg(feature = "web")]
use crate::protocol::passing_web::PassingWebBody;
use crate::{
    channelz::{Present, SocketNode, present},
    protocol::{Protocol, grpc_status, message_counter::MessageCounter},
};

/// A stream until it has ended. One that is dropped before has failed.
#[derive(Debug, Default)]
pub(crate) struct CountedStream(Option<Present<OpenStream>>);

#[derive(Debug)]
struct OpenStream {
    socket: SocketNode,
    /// Whether the call is OK if what follows its head does not say how it ends.
    is_ok_by_head: bool,
    /// Reads the status in the data of a response, if it is there.
    #[cfg(feature = "web")]
    web: Option<Box<PassingWebBody>>,
}

impl CountedStream {
    /// Counts a stream on `socket` that starts.
    #[inline]
    pub(crate) fn start(socket: &SocketNode) -> Self {
        socket.count_start();
        match socket.is_counted() {
            true => Self(present(|| OpenStream::new(socket.clone()))),
            false => Self(None),
        }
    }

    #[inline]
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// Notes the head of the response on this stream.
    #[inline]
    pub(crate) fn note_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(stream) = &mut self.0 {
            stream.note_head(status, headers);
        }
    }

    /// Notes `data` of the response, which passes next.
    #[inline]
    #[cfg_attr(not(feature = "web"), allow(unused_variables, reason = "no status is in there"))]
    pub(crate) fn note_data(&mut self, data: &Bytes) {
        #[cfg(feature = "web")]
        if let Some(stream) = &mut self.0
            && let Some(web) = &mut stream.web
        {
            web.push(data, |_| {});
        }
    }

    /// Whether the call is OK if the stream ends with these trailers.
    #[inline]
    pub(crate) fn is_ok_with(&self, trailers: &HeaderMap) -> bool {
        self.0.as_ref().is_some_and(|stream| says_ok(trailers).unwrap_or(stream.is_ok_by_head))
    }

    /// The stream has ended with `END_STREAM`, and the call with OK or another status.
    #[inline]
    pub(crate) fn end_as(&mut self, is_ok: bool) {
        if let Some(stream) = self.0.take() {
            stream.socket.count_end(true, is_ok);
        }
    }

    /// The stream has ended with `END_STREAM`, and with these trailers if there are any.
    #[inline]
    pub(crate) fn end(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(mut stream) = self.0.take() {
            let is_ok = stream.is_ok(trailers);
            stream.socket.count_end(true, is_ok);
        }
    }

    /// The messages of the response with these `headers`, which is sent on this stream.
    #[inline]
    pub(crate) fn messages(&self, headers: &HeaderMap) -> CountedMessages {
        match &self.0 {
            Some(stream) => CountedMessages::sent(&stream.socket, headers),
            None => CountedMessages::default(),
        }
    }
}

impl OpenStream {
    fn new(socket: SocketNode) -> Self {
        Self {
            socket,
            is_ok_by_head: false,
            #[cfg(feature = "web")]
            web: None,
        }
    }

    fn note_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        let protocol = Protocol::of_call(headers);
        let said = says_ok(headers);
        // A call has to say it: there, or at its end.
        self.is_ok_by_head = said.unwrap_or(protocol.is_none() && status.as_u16() < 400);
        #[cfg(feature = "web")]
        if let (None, Some(format)) = (said, protocol)
            && !format.has_http_trailers()
        {
            self.web = Some(Box::new(PassingWebBody::new(format, headers)));
        }
    }

    /// Whether the call is OK if the stream ends with these trailers.
    fn is_ok(&mut self, trailers: Option<&HeaderMap>) -> bool {
        let said = trailers.and_then(says_ok);
        #[cfg(feature = "web")]
        let said = said.or_else(|| {
            let trailers = self.web.take()?.end(|_| {}).ok()??;
            says_ok(&trailers)
        });
        said.unwrap_or(self.is_ok_by_head)
    }
}

impl Drop for CountedStream {
    #[inline]
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            stream.socket.count_end(false, false);
        }
    }
}

/// The messages of one direction of a stream.
#[derive(Debug, Default)]
pub(crate) struct CountedMessages(Option<Present<MessageFlow>>);

#[derive(Debug)]
struct MessageFlow {
    socket: SocketNode,
    is_sent: bool,
    counter: MessageCounter,
}

impl CountedMessages {
    /// Those that are sent after these `headers`.
    #[inline]
    pub(crate) fn sent(socket: &SocketNode, headers: &HeaderMap) -> Self {
        Self::of(socket, headers, true)
    }

    /// Those that are received after these `headers`.
    #[inline]
    pub(crate) fn received(socket: &SocketNode, headers: &HeaderMap) -> Self {
        Self::of(socket, headers, false)
    }

    #[inline]
    fn of(socket: &SocketNode, headers: &HeaderMap, is_sent: bool) -> Self {
        // In other protocols, there are no messages in the body, or something else besides.
        if !socket.is_counted() || Protocol::of_call(headers) != Some(Protocol::Grpc) {
            return Self(None);
        }
        Self(present(|| MessageFlow {
            socket: socket.clone(),
            is_sent,
            counter: MessageCounter::default(),
        }))
    }

    /// Counts the messages that begin in `data`, which passes next.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8]) {
        if let Some(flow) = &mut self.0 {
            let before = flow.counter.count().messages;
            flow.counter.push(data);
            match flow.counter.count().messages - before {
                0 => {}
                more if flow.is_sent => flow.socket.count_sent(more),
                more => flow.socket.count_received(more),
            }
        }
    }
}

/// Whether headers or trailers say that the call is OK. None if they say nothing of it.
fn says_ok(headers: &HeaderMap) -> Option<bool> {
    grpc_status::code_of_head(headers).map(|code| code == tonic::Code::Ok)
}
