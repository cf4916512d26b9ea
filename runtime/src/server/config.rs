//! The limits and compressions of a generated server.

use tonic::codec::{CompressionEncoding, EnabledCompressionEncodings};

use crate::wire::frame::DEFAULT_DECODING_LIMIT;

/// What a generated server lets through, and how it answers.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    pub(crate) decoding_limit: usize,
    pub(crate) encoding_limit: usize,
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) sent: EnabledCompressionEncodings,
}

impl ServerConfig {
    /// Requests of up to 4 MiB, responses of any size, no compression.
    pub fn new() -> Self {
        Self {
            decoding_limit: DEFAULT_DECODING_LIMIT,
            encoding_limit: usize::MAX,
            accepted: EnabledCompressionEncodings::default(),
            sent: EnabledCompressionEncodings::default(),
        }
    }

    /// The largest request message, in bytes.
    pub fn max_decoding_message_size(&mut self, limit: usize) {
        self.decoding_limit = limit;
    }

    /// The largest response message, in bytes.
    pub fn max_encoding_message_size(&mut self, limit: usize) {
        self.encoding_limit = limit;
    }

    /// Adds to the compressions that requests may have.
    pub fn accept_compressed(&mut self, encoding: CompressionEncoding) {
        self.accepted.enable(encoding);
    }

    /// Adds to the compressions that responses have when the client accepts them.
    pub fn send_compressed(&mut self, encoding: CompressionEncoding) {
        self.sent.enable(encoding);
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self::new()
    }
}
