"""Calls that succeed: numbers, every kind of value, all four kinds of call."""

import asyncio

import grpc

from contract import calculator, telemetry
from scenarios import kinds

from .peer import collect

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


async def numbers_are_added_and_subtracted(peer):
    for a, b in [(5, 3), (-5, 3), (0, 0), (INT32_MAX, 0), (INT32_MIN, INT32_MAX), (INT32_MIN, 0)]:
        total = await peer.calculator.Add(calculator.AddRequest(a=a, b=b))
        assert total.result == a + b, (a, b, total)
    for a, b in [(10, 4), (-10, -4), (4, 10), (INT32_MIN, 0), (-1, INT32_MAX), (-1, INT32_MIN)]:
        difference = await peer.calculator.Subtract(calculator.SubtractRequest(a=a, b=b))
        assert difference.result == a - b, (a, b, difference)


async def a_hundred_calls_run_at_once(peer):
    requests = [calculator.AddRequest(a=a, b=1) for a in range(100)]
    totals = await asyncio.gather(*map(peer.calculator.Add, requests))
    assert [total.result for total in totals] == list(range(1, 101))


async def unary_calls_are_answered(peer):
    query = telemetry.Query(series="room", labels={"floor": "2", "größe": "1 µm"})
    expected = telemetry.Point(
        series="room", labels=query.labels, number=21.5, quality=telemetry.Point.QUALITY_GOOD
    )
    assert await peer.telemetry.Latest(query) == expected
    assert await peer.telemetry.Last(query) == expected


async def every_kind_of_value_arrives(peer):
    points = await collect(peer.telemetry.Watch(telemetry.Query(series="kinds")))
    assert points == list(kinds()), points


async def server_streams_arrive_in_order(peer):
    points = await collect(peer.telemetry.Watch(telemetry.Query(series="counts", limit=1000)))
    assert [point.count for point in points] == list(range(1000))
    assert await collect(peer.telemetry.Watch(telemetry.Query(series="counts", limit=0))) == []


async def client_streams_are_summed_up(peer):
    points = [
        telemetry.Point(series="even" if n % 2 == 0 else "odd", number=n / 2, time={"seconds": n})
        for n in range(-500, 500)
    ]
    summary = await peer.telemetry.Upload(iter(points))
    assert summary.accepted == 1000
    assert summary.accepted_by_series == {"even": 500, "odd": 500}
    assert (summary.minimum, summary.maximum) == (-250, 249.5)
    assert summary.span.seconds == 999


async def empty_client_streams_are_answered(peer):
    summary = await peer.telemetry.Upload(iter([]))
    assert summary.accepted == 0
    assert not summary.HasField("minimum")
    assert not summary.HasField("span")


async def bidirectional_streams_play_ping_pong(peer):
    call = peer.telemetry.Tail()
    for n in range(100):
        await call.write(telemetry.Query(series="ball", limit=n))
        assert (await call.read()).count == n
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def empty_bidirectional_streams_end(peer):
    assert await collect(peer.telemetry.Tail(iter([]))) == []


CHECKS = [
    numbers_are_added_and_subtracted,
    a_hundred_calls_run_at_once,
    unary_calls_are_answered,
    every_kind_of_value_arrives,
    server_streams_arrive_in_order,
    client_streams_are_summed_up,
    empty_client_streams_are_answered,
    bidirectional_streams_play_ping_pong,
    empty_bidirectional_streams_end,
]
