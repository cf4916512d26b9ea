"""Deadlines: the client says DEADLINE_EXCEEDED, and the server drops its handler."""

import grpc

from .peer import fails_with, named


async def expired_deadline_of_a_unary_call(peer):
    name, query = named("slow")
    async with fails_with(grpc.StatusCode.DEADLINE_EXCEEDED):
        await peer.telemetry.Latest(query, timeout=0.5)
    await peer.becomes(name, "dropped")


async def expired_deadline_in_the_midst_of_a_stream(peer):
    name, query = named("slow")
    call = peer.telemetry.Watch(query, timeout=1)
    assert (await call.read()).count == 0
    async with fails_with(grpc.StatusCode.DEADLINE_EXCEEDED):
        await call.read()
    await peer.becomes(name, "dropped")


async def each_side_keeps_the_deadline_when_the_network_is_silent(peer):
    name, query = named("slow")
    async with peer.through_relay() as (relayed, relay):
        call = relayed.telemetry.Latest(query, timeout=2)
        await peer.becomes(name, "running")
        relay.fall_silent()
        async with fails_with(grpc.StatusCode.DEADLINE_EXCEEDED):
            await call
        await peer.becomes(name, "dropped")


async def deadlines_that_hold_change_nothing(peer):
    name, query = named("room")
    await peer.telemetry.Latest(query, timeout=10)
    await peer.becomes(name, "finished")


CHECKS = [
    expired_deadline_of_a_unary_call,
    expired_deadline_in_the_midst_of_a_stream,
    each_side_keeps_the_deadline_when_the_network_is_silent,
    deadlines_that_hold_change_nothing,
]
