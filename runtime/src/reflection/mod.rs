//! Reflection, as `grpc.reflection.v1` and `v1alpha` have it: what clients ask to learn the services of a server
//! and their messages.

mod descriptors;
mod names;
mod server;
mod service;
#[rustfmt::skip]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code looks the same everywhere"
)]
mod v1 {
    pub(crate) mod generated;
}
/// Its messages are those of `v1`, which are the same but for their package.
#[rustfmt::skip]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    reason = "generated code looks the same everywhere"
)]
mod v1alpha {
    pub(crate) mod generated;
}
