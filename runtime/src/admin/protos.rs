//! Records as channelz has them.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use prost_types::Timestamp;

use super::generated::{
    Address, Channel, ChannelConnectivityState, ChannelData, ChannelRef, ChannelTrace, Security,
    Server, ServerData, ServerRef, Socket, SocketData, SocketRef, Subchannel, SubchannelRef,
    address::{self, OtherAddress, TcpIpAddress, UdsAddress},
    channel_connectivity_state::State,
    security::{self, Tls, tls::CipherSuite},
};
use crate::channelz::{
    CallTotal, ChannelRecord, ChannelState, ServerRecord, SocketAddress, SocketRecord,
    SocketSecurity, SubchannelRecord,
};

pub(super) fn channel(record: &ChannelRecord) -> Channel {
    let subchannel_ref = |subchannel: &Arc<SubchannelRecord>| SubchannelRef {
        subchannel_id: subchannel.id,
        name: subchannel.target.clone(),
    };
    Channel {
        r#ref: Some(ChannelRef { channel_id: record.id, name: record.target.clone() }),
        data: Some(ChannelData {
            state: Some(connectivity(record.state())),
            target: record.target.clone(),
            trace: Some(trace(record.created)),
            ..channel_data(record.calls.total())
        }),
        subchannel_ref: record.subchannels.all().iter().map(subchannel_ref).collect(),
        ..Channel::default()
    }
}

pub(super) fn subchannel(record: &SubchannelRecord) -> Subchannel {
    Subchannel {
        r#ref: Some(SubchannelRef { subchannel_id: record.id, name: record.target.clone() }),
        data: Some(ChannelData {
            state: Some(connectivity(record.state())),
            target: record.target.clone(),
            trace: Some(trace(record.created)),
            ..channel_data(record.group.calls.total())
        }),
        socket_ref: record.group.sockets.all().iter().map(|socket| socket_ref(socket)).collect(),
        ..Subchannel::default()
    }
}

pub(super) fn server(record: &ServerRecord) -> Server {
    let calls = record.group.calls.total();
    let listeners = record.listeners();
    Server {
        r#ref: Some(ServerRef { server_id: record.id, name: String::new() }),
        data: Some(ServerData {
            trace: Some(trace(record.created)),
            calls_started: calls.started,
            calls_succeeded: calls.succeeded,
            calls_failed: calls.failed,
            last_call_started_timestamp: calls.last_started.map(Timestamp::from),
        }),
        listen_socket: listeners.iter().map(|socket| socket_ref(socket)).collect(),
    }
}

pub(super) fn socket(record: &SocketRecord) -> Socket {
    let facts = &record.facts;
    let last_stream = record.last_stream_started.get().map(Timestamp::from);
    // Streams are begun by the client.
    let (local, remote) = match record.is_server {
        true => (None, last_stream),
        false => (last_stream, None),
    };
    Socket {
        r#ref: Some(socket_ref(record)),
        data: Some(SocketData {
            streams_started: record.streams_started.get(),
            streams_succeeded: record.streams_succeeded.get(),
            streams_failed: record.streams_failed.get(),
            messages_sent: record.messages_sent.get(),
            messages_received: record.messages_received.get(),
            keep_alives_sent: record.keep_alives_sent.get(),
            last_local_stream_created_timestamp: local,
            last_remote_stream_created_timestamp: remote,
            last_message_sent_timestamp: record.last_message_sent.get().map(Timestamp::from),
            last_message_received_timestamp: record
                .last_message_received
                .get()
                .map(Timestamp::from),
            ..SocketData::default()
        }),
        local: facts.local.as_ref().map(address),
        remote: facts.remote.as_ref().map(address),
        security: facts.security.as_ref().map(security),
        remote_name: String::new(),
    }
}

/// The name of a socket is that of its peer, or of what is listened on.
pub(super) fn socket_ref(record: &SocketRecord) -> SocketRef {
    let facts = &record.facts;
    let name = facts.remote.as_ref().or(facts.local.as_ref());
    SocketRef { socket_id: record.id, name: name.map(ToString::to_string).unwrap_or_default() }
}

fn channel_data(calls: CallTotal) -> ChannelData {
    ChannelData {
        calls_started: calls.started,
        calls_succeeded: calls.succeeded,
        calls_failed: calls.failed,
        last_call_started_timestamp: calls.last_started.map(Timestamp::from),
        ..ChannelData::default()
    }
}

fn connectivity(state: ChannelState) -> ChannelConnectivityState {
    let state = match state {
        ChannelState::Unknown => State::Unknown,
        ChannelState::Idle => State::Idle,
        ChannelState::Connecting => State::Connecting,
        ChannelState::Ready => State::Ready,
        ChannelState::TransientFailure => State::TransientFailure,
        ChannelState::Shutdown => State::Shutdown,
    };
    ChannelConnectivityState { state: state.into() }
}

/// When it was made. No events are kept.
fn trace(created: SystemTime) -> ChannelTrace {
    ChannelTrace { creation_timestamp: Some(created.into()), ..ChannelTrace::default() }
}

fn address(address: &SocketAddress) -> Address {
    let address = match address {
        SocketAddress::Tcp(address) => {
            let ip_address = match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let port = address.port().into();
            address::Address::TcpipAddress(TcpIpAddress { ip_address, port })
        }
        SocketAddress::Unix(path) => {
            address::Address::UdsAddress(UdsAddress { filename: path.display().to_string() })
        }
        SocketAddress::Other(name) => {
            address::Address::OtherAddress(OtherAddress { name: name.clone(), value: None })
        }
    };
    Address { address: Some(address) }
}

fn security(security: &SocketSecurity) -> Security {
    let SocketSecurity { cipher_suite, local_certificate, remote_certificate } = security.clone();
    let cipher_suite = cipher_suite.map(CipherSuite::StandardName);
    let tls = Tls { local_certificate, remote_certificate, cipher_suite };
    Security { model: Some(security::Model::Tls(tls)) }
}
