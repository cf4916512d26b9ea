"""The server: every behaviour in the table of ../README.md."""

import asyncio
import itertools

import grpc

from calls import Calls
from contract import calculator, calculator_services, telemetry, telemetry_services

INT32 = range(-(2**31), 2**31)
LONG = 30

ERROR_MESSAGE = "100 % naïve: 日本語\nmore"
ERROR_DETAILS = b"\x00\x01\xfe\xff"


class Calculator(calculator_services.CalculatorServicer):
    async def Add(self, request, context):
        # In TLS, the names in the client's certificate.
        for identity in context.peer_identities() or ():
            await context.send_initial_metadata([("x-peer", identity.decode())])
        return calculator.AddResponse(result=await in_int32(request.a + request.b, context))

    async def Subtract(self, request, context):
        return calculator.SubtractResponse(result=await in_int32(request.a - request.b, context))


class Telemetry(telemetry_services.TelemetryServicer):
    def __init__(self):
        self.calls = Calls()

    async def Latest(self, query, context):
        await begin(context)
        if query.series == "state":
            return telemetry.Point(text=self.calls.state(query.labels["call"]))
        with self.calls.follow(query.labels):
            match query.series:
                case "large":
                    return telemetry.Point(raw=bytes(query.limit))
                case "slow":
                    await asyncio.sleep(LONG)
                case "error":
                    await fail(context)
            return point(query)

    async def Last(self, query, context):
        return await self.Latest(query, context)

    async def Watch(self, query, context):
        await begin(context)
        with self.calls.follow(query.labels):
            if query.series == "kinds":
                for each in kinds():
                    yield each
                return
            for count in numbers(query):
                yield telemetry.Point(series=query.series, count=count)
                if query.series == "endless":
                    await asyncio.sleep(0.01)
            if query.series == "slow":
                await asyncio.sleep(LONG)
            if query.series == "error":
                await fail(context)

    async def Upload(self, points, context):
        await begin(context)
        first = await anext(points, None)
        if first is None:
            return telemetry.Summary()
        with self.calls.follow(first.labels):
            if first.series == "error":
                await fail(context)
            return summarise([first] + [each async for each in to_the_end(points)])

    async def Tail(self, queries, context):
        await begin(context)
        first = await anext(queries, None)
        if first is None:
            return
        with self.calls.follow(first.labels):
            yield await answer(first, context)
            async for query in to_the_end(queries):
                yield await answer(query, context)


async def to_the_end(messages):
    async for message in messages:
        yield message
    # grpcio shows a cancelled stream as one that has ended; the cancellation follows it.
    await asyncio.sleep(0.05)


async def begin(context):
    """Sends the client's metadata back."""
    received = [
        (key.removeprefix("x-request"), value)
        for key, value in context.invocation_metadata()
        if key in ("x-request", "x-request-bin")
    ]
    context.set_trailing_metadata([("x-trailing" + suffix, value) for suffix, value in received])
    await context.send_initial_metadata([("x-initial" + suffix, value) for suffix, value in received])


async def fail(context):
    trailers = (*context.trailing_metadata(), ("grpc-status-details-bin", ERROR_DETAILS))
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, ERROR_MESSAGE, trailers)


async def in_int32(result, context):
    if result not in INT32:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{result} does not fit in an int32")
    return result


def point(query):
    return telemetry.Point(
        series=query.series, labels=query.labels, number=21.5, quality=telemetry.Point.QUALITY_GOOD
    )


def kinds():
    """One point with each kind of value; src/scenarios.rs and both clients have the same."""
    bucket = telemetry.Point.Histogram.Bucket
    yield from (
        telemetry.Point(
            series="kinds",
            time={"seconds": 981173106, "nanos": 789000000},
            labels={"größe": "1 µm", "": ""},
            quality=telemetry.Point.QUALITY_BAD,
            **value,
        )
        for value in (
            {"number": -0.5},
            {"count": -(2**63)},
            {"text": "naïve 日本語"},
            {"raw": b"\x00\xff\x80"},
            {
                "histogram": telemetry.Point.Histogram(
                    buckets=[
                        bucket(upper_bound=1.5, count=2**64 - 1),
                        bucket(upper_bound=float("inf")),
                    ],
                    sum=-1e300,
                )
            },
        )
    )


def numbers(query):
    match query.series:
        case "endless":
            return itertools.count()
        case "slow":
            return range(1)
        case "error":
            return range(2)
        case _:
            return range(query.limit)


async def answer(query, context):
    if query.series == "error":
        await fail(context)
    return telemetry.Point(series=query.series, count=query.limit)


def summarise(points):
    summary = telemetry.Summary(accepted=len(points))
    for each in points:
        summary.accepted_by_series[each.series] += 1
    numbers = [each.number for each in points if each.HasField("number")]
    if numbers:
        summary.minimum, summary.maximum = min(numbers), max(numbers)
    times = [each.time.ToDatetime() for each in points if each.HasField("time")]
    if times:
        summary.span.FromTimedelta(max(times) - min(times))
    return summary
