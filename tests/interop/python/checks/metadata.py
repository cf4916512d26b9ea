"""Metadata both ways, as text and binary, before and after the messages."""

import grpc

from contract import telemetry

from .peer import collect, fails_with

TEXT = ["first; value, with = and \"quotes\"", "second value"]
BINARY = [bytes(range(256)), b""]
REQUEST = [
    *(("x-request", value) for value in TEXT),
    *(("x-request-bin", value) for value in BINARY),
]


async def metadata_of_unary_calls(peer):
    call = peer.telemetry.Latest(telemetry.Query(series="room"), metadata=REQUEST)
    await call
    await comes_back(call)


async def metadata_of_server_streams(peer):
    call = peer.telemetry.Watch(telemetry.Query(series="counts", limit=2), metadata=REQUEST)
    assert len(await collect(call)) == 2
    await comes_back(call)


async def metadata_of_client_streams(peer):
    call = peer.telemetry.Upload(iter([telemetry.Point(series="room")]), metadata=REQUEST)
    await call
    await comes_back(call)


async def metadata_of_bidirectional_streams(peer):
    call = peer.telemetry.Tail(iter([telemetry.Query(series="ball")]), metadata=REQUEST)
    assert len(await collect(call)) == 1
    await comes_back(call)


async def metadata_of_errors(peer):
    async with fails_with(grpc.StatusCode.INVALID_ARGUMENT) as statuses:
        await peer.telemetry.Latest(telemetry.Query(series="error"), metadata=REQUEST)
    has_values(statuses[0].trailing_metadata(), "x-trailing")


async def comes_back(call):
    has_values(await call.initial_metadata(), "x-initial")
    has_values(await call.trailing_metadata(), "x-trailing")


def has_values(metadata, key):
    assert list(metadata.get_all(key)) == TEXT, metadata
    assert list(metadata.get_all(key + "-bin")) == BINARY, metadata


CHECKS = [
    metadata_of_unary_calls,
    metadata_of_server_streams,
    metadata_of_client_streams,
    metadata_of_bidirectional_streams,
    metadata_of_errors,
]
