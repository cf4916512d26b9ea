//! [`MessageObserver`]: sees the messages of one direction of a call pass, whatever carries them.

use tonic::{Status, metadata::MetadataMap};

/// Sees the messages of one direction of a call pass, and how they end. Dropped before their end, it has
/// seen the call cancelled.
pub(crate) trait MessageObserver: Send {
    /// Encoded messages pass, cut into chunks anywhere.
    fn on_data(&mut self, data: &[u8]);

    /// A message passes without a codec.
    fn on_message(&mut self);

    /// The messages have ended with these trailers, or with a status.
    fn on_end(&mut self, ended: Result<&MetadataMap, &Status>);
}

pub(crate) type BoxObserver = Box<dyn MessageObserver>;
