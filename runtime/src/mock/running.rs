//! A call that is not over, and its response on the way to the caller.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{Response, Status, metadata::MetadataMap};

use super::{
    core::Core,
    message::{AnyMessage, Content, mixed_up},
    record::Outcome,
};
use crate::call::{
    panics::{self, catch_panic},
    status,
    streaming::{Source, Streaming},
    trailers::Trailers,
};

/// The call while it runs: when this is dropped, the caller has gone away.
pub(crate) struct Running {
    core: Arc<Core>,
    call: usize,
    is_over: bool,
}

impl Running {
    pub(crate) fn new(core: Arc<Core>, call: usize) -> Self {
        Self { core, call, is_over: false }
    }

    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if !self.is_over {
            self.is_over = true;
            self.core.finish(self.call, outcome);
        }
    }

    /// Gives out the response, and finds out how the call goes on.
    pub(super) async fn respond(
        mut self,
        method: usize,
        response: Response<Content>,
    ) -> Result<Response<Content>, Status> {
        let (metadata, content, mut extensions) = response.into_parts();
        self.core.trace(self.call, |trace| trace.header(&metadata));
        let streams = self.core.service.methods[method].kind.streams_responses();
        let content = match (content, streams) {
            (Content::Many(messages), true) => {
                let trailers = extensions.remove().map_or_else(MetadataMap::new, |Trailers(it)| it);
                let messages = messages.with_trailers(trailers);
                Content::Many(Streaming::from_source(Watched { running: self, messages }))
            }
            (Content::One(message), false) => {
                let trailers = extensions.get::<Trailers>().map(|Trailers(it)| it);
                self.core.trace(self.call, |trace| trace.only(&message, trailers));
                self.finish(Outcome::Ok);
                Content::One(message)
            }
            (Content::Many(messages), false) => {
                let (message, trailers) = self.only(messages).await?;
                if !trailers.is_empty() {
                    extensions.insert(Trailers(trailers));
                }
                Content::One(message)
            }
            (Content::One(_), true) => return Err(mixed_up()),
        };
        Ok(Response::from_parts(metadata, content, extensions))
    }

    /// The one message of a script or of a test that plays the server.
    async fn only(
        self,
        messages: Streaming<AnyMessage>,
    ) -> Result<(AnyMessage, MetadataMap), Status> {
        let core = Arc::clone(&self.core);
        let mut messages = Streaming::from_source(Watched { running: self, messages });
        let only = messages.message().await?;
        match (only, messages.message().await?) {
            (Some(message), None) => Ok((message, messages.take_received_trailers())),
            (None, _) => Err(core.fail("a method with one response was answered with none".into())),
            (_, Some(_)) => {
                Err(core.fail("a method with one response was answered with several".into()))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish(Outcome::Cancelled);
    }
}

/// A stream of responses, from which it is known how the call goes.
struct Watched {
    running: Running,
    messages: Streaming<AnyMessage>,
}

impl Source<AnyMessage> for Watched {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        let Self { running, messages } = &mut *self;
        // A stream of the real service of a spy contains its panics itself.
        let (polled, panic) = panics::note(|| catch_panic(|| messages.poll_message(cx)));
        if let Some(panic) = panic {
            running.core.problem(format!("a stream of responses panicked: {panic}"));
        }
        let next = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(next)) => next,
            Err(_) => Some(Err(status::panicked())),
        };
        match &next {
            Some(Ok(message)) => running.core.trace(running.call, |trace| trace.response(message)),
            Some(Err(status)) => running.finish(Outcome::Failed(status.clone())),
            None => {
                let trailers = &messages.trailers;
                running.core.trace(running.call, |trace| trace.trailers(trailers));
                running.finish(Outcome::Ok);
            }
        }
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_received_trailers()
    }

    /// What the caller has not matched was not sent.
    fn is_counted(&self) -> bool {
        true
    }
}
