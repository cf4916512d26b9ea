//! What a call is, whatever its codec, its protocol and its transport: method, streams of messages, body,
//! deadline, cancellation and reply. It imports nothing of the other layers.

#[cfg(feature = "_calls")]
pub(crate) mod body;
#[cfg(feature = "_calls")]
pub(crate) mod cancel_link;
#[cfg(feature = "_calls")]
pub(crate) mod cause;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod client_ip;
#[cfg(feature = "_calls")]
pub(crate) mod context;
#[cfg(feature = "_calls")]
pub(crate) mod counted;
#[cfg(feature = "_calls")]
pub(crate) mod deadline;
#[cfg(feature = "_calls")]
pub(crate) mod direct_slot;
pub(crate) mod downcast;
#[cfg(feature = "_calls")]
pub(crate) mod dropped;
#[cfg(feature = "_calls")]
pub(crate) mod excerpt;
#[cfg(feature = "_calls")]
pub(crate) mod head;
pub(crate) mod method;
#[cfg(feature = "_calls")]
pub(crate) mod observer;
#[cfg(feature = "_calls")]
pub(crate) mod panics;
#[cfg(feature = "_calls")]
pub(crate) mod parent;
#[cfg(feature = "_calls")]
pub(crate) mod reply;
#[cfg(feature = "_calls")]
pub(crate) mod status;
pub mod streaming;
pub(crate) mod to_status;
#[cfg(any(feature = "log", feature = "opentelemetry"))]
pub(crate) mod trace_id;
pub(crate) mod trailers;
