//! What administrators look at: channelz ([`ChannelzService`]), and a page with the build and the uptime of a server.

#[rustfmt::skip]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code looks the same everywhere"
)]
mod generated;
mod pages;
mod protos;
mod server;
mod service;

pub use self::service::ChannelzService;
