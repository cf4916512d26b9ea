"""Large messages, below and above the limit of 4 MiB that both sides have by default."""

import grpc

from contract import telemetry

from .peer import fails_with

MEBIBYTE = 1 << 20


async def large_messages_arrive(peer):
    size = 3 * MEBIBYTE
    point = await peer.telemetry.Latest(telemetry.Query(series="large", limit=size))
    assert point.raw == bytes(size)
    summary = await peer.telemetry.Upload(iter([telemetry.Point(series="large", raw=bytes(size))]))
    assert summary.accepted == 1


async def responses_over_the_limit_are_refused_by_the_client(peer):
    async with fails_with(grpc.StatusCode.RESOURCE_EXHAUSTED):
        await peer.telemetry.Latest(telemetry.Query(series="large", limit=5 * MEBIBYTE))


async def requests_over_the_limit_are_refused_by_the_server(peer):
    too_large = telemetry.Point(series="large", raw=bytes(5 * MEBIBYTE))
    async with fails_with(grpc.StatusCode.RESOURCE_EXHAUSTED):
        await peer.telemetry.Upload(iter([too_large]))


CHECKS = [
    large_messages_arrive,
    responses_over_the_limit_are_refused_by_the_client,
    requests_over_the_limit_are_refused_by_the_server,
]
