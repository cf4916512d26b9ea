//! What the channels, servers and sockets of this process count, and the registry in which channelz finds them.
//! See [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md).
//!
//! Whoever counts has a node: a handle of a record, which is in the registry for as long as it lives. Without the
//! feature `admin`, no record exists, so nodes take no room and counting is no code.

#![cfg_attr(
    not(all(feature = "admin", not(target_family = "wasm"))),
    allow(dead_code, unused_imports, reason = "nothing is counted")
)]

#[cfg(not(all(feature = "admin", not(target_family = "wasm"))))]
mod absent;
mod channel;
mod counters;
mod present;
mod registry;
mod socket;

pub(crate) use self::{
    channel::{
        CHANNELS, ChannelNode, ChannelRecord, ChannelState, CountedCall, ReportState, SUBCHANNELS,
        SubchannelNode, SubchannelRecord,
    },
    counters::CallTotal,
    present::{IS_COUNTED, Present, present},
    registry::Page,
    socket::{
        SERVERS, SOCKETS, ServerNode, ServerRecord, SocketAddress, SocketFacts, SocketNode,
        SocketRecord, SocketSecurity,
    },
};
