//! Messages written by hand, for the golden `foreign`: they have no more than a field of a message
//! needs, and other fields than their proto.

use rust_scaffold::prost;

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
