//! The content of a GOAWAY frame ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).

use std::fmt;

use h2::Reason;

/// The type of the frame.
pub(crate) const GOAWAY: u8 = 7;

/// Why a peer closes a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GoAway {
    pub(crate) reason: Reason,
    pub(crate) debug_data: String,
}

impl GoAway {
    /// How much of a received payload is kept, in bytes.
    pub(crate) const MAX_LENGTH: usize = 256;

    /// Parses a payload. None as long as it is too short.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let (_last_stream, rest) = payload.split_first_chunk::<4>()?;
        let (code, debug_data) = rest.split_first_chunk::<4>()?;
        Some(Self {
            reason: u32::from_be_bytes(*code).into(),
            debug_data: String::from_utf8_lossy(debug_data).into_owned(),
        })
    }

    /// What a gRPC server sends to a client that pings too often, see [gRFC
    /// A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#server-enforcement).
    pub(crate) fn too_many_pings() -> Self {
        Self { reason: Reason::ENHANCE_YOUR_CALM, debug_data: "too_many_pings".into() }
    }

    /// The encoded frame. `last_stream` is the highest stream that was or may be processed.
    pub(crate) fn frame(&self, last_stream: u32) -> Vec<u8> {
        let payload = [
            &last_stream.to_be_bytes(),
            &u32::from(self.reason).to_be_bytes(),
            self.debug_data.as_bytes(),
        ]
        .concat();
        // Fits: our debug data is shorter than `MAX_LENGTH`.
        let length = payload.len() as u8;
        [&[0, 0, length, GOAWAY, 0, 0, 0, 0, 0], &payload[..]].concat()
    }
}

impl fmt::Display for GoAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GOAWAY with {:?}", self.reason)?;
        match self.debug_data.as_str() {
            "" => Ok(()),
            debug_data => write!(f, " `{}`", debug_data.escape_debug()),
        }
    }
}
