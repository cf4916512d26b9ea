"""Looks at a Rust process, its server and its channel, with grpcio's client of channelz; see ../README.md."""

import ipaddress
import sys

import grpc
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

from contract import calculator, calculator_services

# Only against hanging.
LONG = 60
READY = channelz_pb2.ChannelConnectivityState.READY


def counts(data):
    return data.calls_started, data.calls_succeeded, data.calls_failed


def port(address):
    tcp = address.tcpip_address
    assert ipaddress.ip_address(tcp.ip_address).is_loopback, address
    return tcp.port


class Process:
    """What channelz shows of a process."""

    def __init__(self, channel):
        self.stub = channelz_pb2_grpc.ChannelzStub(channel)

    def server(self):
        found = self.stub.GetServers(channelz_pb2.GetServersRequest(), timeout=LONG)
        assert found.end, found
        (server,) = found.server
        return server

    def channel(self):
        found = self.stub.GetTopChannels(channelz_pb2.GetTopChannelsRequest(), timeout=LONG)
        assert found.end, found
        (channel,) = found.channel
        return channel

    def socket(self, socket_id):
        request = channelz_pb2.GetSocketRequest(socket_id=socket_id)
        return self.stub.GetSocket(request, timeout=LONG).socket

    def sockets(self, server_id, **page):
        request = channelz_pb2.GetServerSocketsRequest(server_id=server_id, **page)
        return self.stub.GetServerSockets(request, timeout=LONG)


def a_server_counts_its_calls(process):
    server = process.server()
    assert counts(server.data) == (4, 3, 1), server
    assert server.data.HasField("last_call_started_timestamp"), server
    request = channelz_pb2.GetServerRequest(server_id=server.ref.server_id)
    assert process.stub.GetServer(request, timeout=LONG).server == server


def a_channel_counts_its_calls(process):
    channel = process.channel()
    assert counts(channel.data) == (4, 3, 1), channel
    assert channel.data.state.state == READY, channel
    (listening,) = process.server().listen_socket
    assert channel.data.target == f"http://{listening.name}", channel
    request = channelz_pb2.GetChannelRequest(channel_id=channel.ref.channel_id)
    assert process.stub.GetChannel(request, timeout=LONG).channel == channel


def a_subchannel_counts_them_too(process):
    (ref,) = process.channel().subchannel_ref
    request = channelz_pb2.GetSubchannelRequest(subchannel_id=ref.subchannel_id)
    subchannel = process.stub.GetSubchannel(request, timeout=LONG).subchannel
    assert counts(subchannel.data) == (4, 3, 1), subchannel
    assert subchannel.data.state.state == READY, subchannel


def both_ends_of_a_connection_agree(process):
    (ref,) = process.channel().subchannel_ref
    request = channelz_pb2.GetSubchannelRequest(subchannel_id=ref.subchannel_id)
    subchannel = process.stub.GetSubchannel(request, timeout=LONG).subchannel
    client = process.socket(subchannel.socket_ref[0].socket_id)
    sockets = process.sockets(process.server().ref.server_id)
    assert sockets.end, sockets
    server = process.socket(sockets.socket_ref[0].socket_id)
    assert (port(client.local), port(client.remote)) == (port(server.remote), port(server.local))
    for socket in client, server:
        streams = socket.data.streams_started, socket.data.streams_succeeded
        assert streams == (4, 4), socket
        assert socket.data.streams_failed == 0, socket
        assert not socket.HasField("security"), socket
    assert client.data.messages_sent == server.data.messages_received == 4, client
    assert client.data.messages_received == server.data.messages_sent > 4, client
    assert client.data.HasField("last_local_stream_created_timestamp"), client
    assert server.data.HasField("last_remote_stream_created_timestamp"), server


def what_there_is_not_is_not_found(process):
    for method, request in [
        (process.stub.GetServer, channelz_pb2.GetServerRequest(server_id=1 << 40)),
        (process.stub.GetServerSockets, channelz_pb2.GetServerSocketsRequest(server_id=1 << 40)),
        (process.stub.GetChannel, channelz_pb2.GetChannelRequest(channel_id=1 << 40)),
        (process.stub.GetSubchannel, channelz_pb2.GetSubchannelRequest(subchannel_id=1 << 40)),
        (process.stub.GetSocket, channelz_pb2.GetSocketRequest(socket_id=1 << 40)),
    ]:
        try:
            method(request, timeout=LONG)
        except grpc.RpcError as status:
            assert status.code() == grpc.StatusCode.NOT_FOUND, status
        else:
            raise AssertionError(request)


def a_connection_of_grpcio_is_one_more_page(process):
    (listening,) = process.server().listen_socket
    server_id = process.server().ref.server_id
    with grpc.insecure_channel(listening.name) as channel:
        stub = calculator_services.CalculatorStub(channel)
        assert stub.Add(calculator.AddRequest(a=5, b=3), timeout=LONG).result == 8
        first = process.sockets(server_id, max_results=1)
        assert len(first.socket_ref) == 1 and not first.end, first
        next_id = first.socket_ref[0].socket_id + 1
        second = process.sockets(server_id, start_socket_id=next_id, max_results=1)
        assert len(second.socket_ref) == 1 and second.end, second
        data = process.socket(second.socket_ref[0].socket_id).data
        assert (data.streams_started, data.streams_succeeded) == (1, 1), data
        assert (data.messages_received, data.messages_sent) == (1, 1), data
        assert counts(process.server().data) == (5, 4, 1), process.server()


def main(address):
    checks = {
        "a server counts its calls": a_server_counts_its_calls,
        "a channel counts its calls": a_channel_counts_its_calls,
        "a subchannel counts them, too": a_subchannel_counts_them_too,
        "both ends of a connection agree": both_ends_of_a_connection_agree,
        "what channelz does not have is not found": what_there_is_not_is_not_found,
        # The last one, for it makes a call.
        "a connection of grpcio is one more page": a_connection_of_grpcio_is_one_more_page,
    }
    all_passed = True
    with grpc.insecure_channel(address) as channel:
        for name, check in checks.items():
            try:
                check(Process(channel))
                print("ok", name, flush=True)
            except Exception as problem:
                all_passed = False
                print(f"FAILED {name}: {problem!r}", flush=True)
    return all_passed


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
