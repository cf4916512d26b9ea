//! The metadata that every call sends back.

use rust_scaffold::{
    Request, Response, Status, Trailers,
    metadata::{Ascii, Binary, MetadataMap, MetadataValue},
};

/// The values of `x-request` and `x-request-bin` in a request.
#[derive(Clone, Debug)]
pub(super) struct Echo {
    text: Vec<MetadataValue<Ascii>>,
    binary: Vec<MetadataValue<Binary>>,
}

impl Echo {
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        let metadata = request.metadata();
        Self {
            text: metadata.get_all("x-request").iter().cloned().collect(),
            binary: metadata.get_all_bin("x-request-bin").iter().cloned().collect(),
        }
    }

    /// The response, or the error, with the values in it.
    pub(super) fn answer<T>(&self, outcome: Result<T, Status>) -> Result<Response<T>, Status> {
        let mut response = Response::new(outcome.map_err(|status| self.fail(status))?);
        *response.metadata_mut() = self.initial();
        response.extensions_mut().insert(Trailers(self.trailing()));
        Ok(response)
    }

    /// The error with the values in it.
    pub(super) fn fail(&self, mut status: Status) -> Status {
        *status.metadata_mut() = self.trailing();
        status
    }

    fn initial(&self) -> MetadataMap {
        self.under("x-initial", "x-initial-bin")
    }

    fn trailing(&self) -> MetadataMap {
        self.under("x-trailing", "x-trailing-bin")
    }

    fn under(&self, text_key: &'static str, binary_key: &'static str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for value in &self.text {
            metadata.append(text_key, value.clone());
        }
        for value in &self.binary {
            metadata.append_bin(binary_key, value.clone());
        }
        metadata
    }
}
