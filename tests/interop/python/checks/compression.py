"""gzip both ways, by what a relay sees of a megabyte of zeros."""

import grpc

from contract import telemetry

MEGABYTE = 1 << 20
LITTLE = 64 << 10

# The identity is bit 0 of the algorithms.
IDENTITY_ONLY = [("grpc.compression_enabled_algorithms_bitset", 1)]


async def requests_are_compressed_with_gzip(peer):
    async with peer.through_relay(compression=grpc.Compression.Gzip) as (relayed, relay):
        zeros = telemetry.Point(series="zeros", raw=bytes(MEGABYTE))
        summary = await relayed.telemetry.Upload(iter([zeros, zeros]))
        assert summary.accepted == 2
        assert relay.sent < LITTLE, relay.sent


async def responses_are_compressed_with_gzip(peer):
    async with peer.through_relay() as (relayed, relay):
        assert await megabyte(relayed) == bytes(MEGABYTE)
        assert relay.received < LITTLE, relay.received


async def responses_are_plain_for_clients_without_gzip(peer):
    async with peer.through_relay(options=IDENTITY_ONLY) as (relayed, relay):
        assert await megabyte(relayed) == bytes(MEGABYTE)
        assert relay.received > MEGABYTE, relay.received


async def megabyte(peer):
    return (await peer.telemetry.Latest(telemetry.Query(series="large", limit=MEGABYTE))).raw


CHECKS = [
    requests_are_compressed_with_gzip,
    responses_are_compressed_with_gzip,
    responses_are_plain_for_clients_without_gzip,
]
