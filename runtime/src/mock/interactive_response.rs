//! The response of a call that the test answers itself, as if it were the server.

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::sync::mpsc;
use tonic::{Extensions, Response, Status, metadata::MetadataMap};

use super::{
    core::Core,
    explain,
    inbound::Incoming,
    message::{AnyMessage, Content},
    offer::{Item, LiveResponse, Offer, Offers},
    place::Place,
    timer::{self, Patience, Waited},
};
use crate::call::{
    method::MethodDescriptor,
    streaming::{Source, Streaming},
};

/// Lets the test answer a call.
pub(super) async fn offer(
    core: &Arc<Core>,
    offers: &Offers,
    place: &Place,
    incoming: Incoming,
) -> Result<Response<Content>, Status> {
    let (call, method) = (incoming.call, &core.service.methods[incoming.head.method]);
    let caller = Caller { core: Arc::clone(core), call, method, place: place.clone() };
    let (offer, live) = Offer::new(call, method, incoming.into_request()?);
    core.note(call, |record| record.offered = Some(Box::new(place.clone())));
    if offers.send(offer).is_err() {
        core.note(call, |record| record.offered = None);
        let problem = format!("{place}: a call came, but the test has dropped what accepts it");
        return Err(core.fail(problem));
    }
    response(caller, live).await
}

/// Waits for the test to begin the response.
async fn response(caller: Caller, live: LiveResponse) -> Result<Response<Content>, Status> {
    let LiveResponse { begun, items } = live;
    let begun = tokio::select! {
        biased;
        begun = begun => begun,
        status = caller.give_up_waiting() => Ok(Err(status)),
    };
    let header = begun.unwrap_or_else(|_| Err(Status::internal("the test is gone")))?;
    let trailers = MetadataMap::new();
    let played = Played { caller, items, trailers, patience: Patience::default() };
    let content = Content::Many(Streaming::from_source(played));
    Ok(Response::from_parts(header, content, Extensions::new()))
}

/// The responses of the test.
struct Played {
    caller: Caller,
    items: mpsc::UnboundedReceiver<Item>,
    trailers: MetadataMap,
    patience: Patience,
}

impl Source<AnyMessage> for Played {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        let Poll::Ready(item) = self.items.poll_recv(cx) else { return self.poll_patience(cx) };
        self.patience.renew();
        Poll::Ready(match item {
            Some(Item::Message(message)) => Some(Ok(message)),
            Some(Item::Failed(status)) => Some(Err(status)),
            Some(Item::Finished(trailers)) => {
                self.trailers = trailers;
                None
            }
            None => None,
        })
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }
}

impl Played {
    fn poll_patience<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let waited = ready!(self.patience.poll(cx));
        let Some(status) = self.caller.give_up("gone on with", waited) else {
            return Poll::Pending;
        };
        // The test owes the call nothing any more.
        self.items.close();
        Poll::Ready(Some(Err(status)))
    }
}

/// Who has made the call that the test answers.
struct Caller {
    core: Arc<Core>,
    call: usize,
    method: &'static MethodDescriptor,
    place: Place,
}

impl Caller {
    /// What the call ends with when it was waited for in vain that the test does something for it, if that
    /// holds up the test itself. Where a task waits, it is printed.
    fn give_up(&self, done: &str, waited: Waited) -> Option<Status> {
        let Self { core, call, method, place } = self;
        let problem = core.unaccepted(*call).unwrap_or_else(|| {
            format!(
                "interactive call of {}: the test has not {done} it\n- {place}",
                explain::full_name(method)
            )
        });
        let problem = explain::unanswered(problem, waited);
        if !core.holds_up_test() {
            core.hint(problem);
            return None;
        }
        core.note(*call, |record| record.offered = None);
        Some(core.fail(problem))
    }

    /// Waits in vain for the test to answer.
    async fn give_up_waiting(&self) -> Status {
        let waited = timer::patience().await;
        match self.give_up("answered", waited) {
            Some(status) => status,
            None => pending().await,
        }
    }
}
