"""Calls that the client cancels: the server notices and drops its handler."""

from contract import telemetry

from .peer import named


async def cancelled_unary_calls_are_dropped(peer):
    name, query = named("slow")
    call = peer.telemetry.Latest(query)
    await peer.becomes(name, "running")
    call.cancel()
    await peer.becomes(name, "dropped")


async def cancelled_server_streams_are_dropped(peer):
    name, query = named("endless")
    call = peer.telemetry.Watch(query)
    assert [(await call.read()).count for _ in range(3)] == [0, 1, 2]
    call.cancel()
    await peer.becomes(name, "dropped")


async def cancelled_client_streams_are_dropped(peer):
    name, query = named("room")
    call = peer.telemetry.Upload()
    await call.write(telemetry.Point(series="room", labels=query.labels))
    await peer.becomes(name, "running")
    call.cancel()
    await peer.becomes(name, "dropped")


async def cancelled_bidirectional_streams_are_dropped(peer):
    name, query = named("ball", limit=7)
    call = peer.telemetry.Tail()
    await call.write(query)
    assert (await call.read()).count == 7
    call.cancel()
    await peer.becomes(name, "dropped")


CHECKS = [
    cancelled_unary_calls_are_dropped,
    cancelled_server_streams_are_dropped,
    cancelled_client_streams_are_dropped,
    cancelled_bidirectional_streams_are_dropped,
]
