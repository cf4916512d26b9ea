//! Messages written by hand, for the golden `foreign`: they have no more than a field of a message
//! needs, and other fields than their proto. And a codec, for the golden `codec_path`.

use rust_scaffold::{
    Codec, ProstCodec, Status, prost,
    prost::bytes::{BufMut, Bytes},
};

/// Neither `Copy` nor `Eq`.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::rust_scaffold::prost")]
pub struct Id {
    #[prost(double, tag = "1")]
    pub number: f64,
}

/// Whoever reads its proto takes it for one that cannot be `Eq`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
#[prost(prost_path = "::rust_scaffold::prost")]
pub struct Serial {
    #[prost(int64, tag = "1")]
    pub number: i64,
}

/// It does not know that it has a secret.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::rust_scaffold::prost")]
pub struct XYToken {
    #[prost(string, tag = "1")]
    pub holder: String,
    #[prost(string, tag = "2")]
    pub secret: String,
}

/// Where types nested in a message are.
pub mod xy_token {
    use rust_scaffold::prost;

    #[derive(Clone, PartialEq, prost::Message)]
    #[prost(prost_path = "::rust_scaffold::prost")]
    pub struct Stamp {
        #[prost(string, tag = "1")]
        pub text: String,
    }
}

/// Where the golden `all_options` finds the runtime.
pub use rust_scaffold as runtime;

/// A `Debug` that its golden leaves out.
impl std::fmt::Debug for crate::all_options::all_options::Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opaque")
    }
}

/// The codec of the golden `codec_path`: a message is what prost encodes, reversed, between two marks.
#[derive(Debug)]
pub enum Reversed {}

impl Reversed {
    /// The first byte of every message. Protobuf has no messages that begin with it.
    pub const FIRST: u8 = 0;
    /// The last one. It is there in case that the message is empty.
    pub const LAST: u8 = 0xff;
    /// The size of the largest message that can be encoded, without the marks.
    pub const MAX: usize = 100_000;
}

impl<M: prost::Message + Default> Codec<M> for Reversed {
    fn encode(message: &M, into: &mut impl BufMut) -> Result<(), Status> {
        into.put_u8(Self::FIRST);
        if message.encoded_len() > Self::MAX {
            return Err(Status::internal("too long to be reversed"));
        }
        let mut encoded = message.encode_to_vec();
        encoded.reverse();
        into.put_slice(&encoded);
        into.put_u8(Self::LAST);
        Ok(())
    }

    fn decode(encoded: Bytes) -> Result<M, Status> {
        let [Self::FIRST, reversed @ .., Self::LAST] = &*encoded else {
            return Err(Status::internal("the marks are missing"));
        };
        let encoded = reversed.iter().rev().copied().collect::<Bytes>();
        ProstCodec::decode(encoded)
    }
}
