//! Responses as their clients get them, who limit the size of trailers.

use tonic::{Status, metadata::MetadataMap};

use crate::{
    call::observer::MessageObserver,
    protocol::{grpc_status, header_list::HeaderLimit, headers},
};

/// Observes a response as it is sent: if its trailers do not fit, it ends with the failure that replaces them.
pub(super) struct FittedObserver<O> {
    observer: O,
    limit: Option<HeaderLimit>,
}

/// An observer that can be told of the limit for trailers.
pub(super) trait FitObserver: MessageObserver {
    fn fit_to(&mut self, limit: HeaderLimit);
}

impl<O> FittedObserver<O> {
    /// Without a limit.
    pub(super) fn new(observer: O) -> Self {
        Self { observer, limit: None }
    }

    /// The failure that is sent instead of this end.
    fn refusal(&self, ended: Result<&MetadataMap, &Status>) -> Option<Status> {
        let limit = self.limit?;
        let mut trailers = match ended {
            // The usual end. What is not sent of the trailers would only make them shorter.
            Ok(trailers) if limit.fits_trailers_of_ok(trailers.as_ref()) => return None,
            Ok(trailers) => headers::ok_trailers(Some(trailers.clone())),
            Err(status) => grpc_status::to_headers(status),
        };
        limit.cut_trailers(&mut trailers).err()
    }
}

impl<O: MessageObserver> FitObserver for FittedObserver<O> {
    fn fit_to(&mut self, limit: HeaderLimit) {
        self.limit = Some(limit);
    }
}

impl<O: MessageObserver> MessageObserver for FittedObserver<O> {
    fn on_data(&mut self, data: &[u8]) {
        self.observer.on_data(data);
    }

    fn on_message(&mut self) {
        self.observer.on_message();
    }

    fn on_end(&mut self, ended: Result<&MetadataMap, &Status>) {
        match self.refusal(ended) {
            Some(refusal) => self.observer.on_end(Err(&refusal)),
            None => self.observer.on_end(ended),
        }
    }
}
