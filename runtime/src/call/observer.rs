//! [`MessageObserver`]: sees the messages of one direction of a call pass, whatever carries them.

use tonic::{Status, metadata::MetadataMap};

/// Observes the messages of one direction of a call, and how they end. If it is dropped before `on_end`, the call
/// was cancelled.
pub(crate) trait MessageObserver: Send {
    /// Encoded messages pass, cut into chunks anywhere.
    fn on_data(&mut self, data: &[u8]);

    /// A message passes without a codec.
    fn on_message(&mut self);

    /// The messages have ended with these trailers, or with a status.
    fn on_end(&mut self, ended: Result<&MetadataMap, &Status>);
}

pub(crate) type BoxObserver = Box<dyn MessageObserver>;
