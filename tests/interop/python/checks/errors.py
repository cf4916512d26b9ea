"""Calls that fail: code, message and details, wherever in the call it happens."""

from contextlib import asynccontextmanager

import grpc

from contract import calculator, greeter, greeter_services, telemetry
from scenarios import ERROR_DETAILS, ERROR_MESSAGE

from .calls import INT32_MAX, INT32_MIN
from .peer import fails_with


async def overflow_is_out_of_range(peer):
    for a, b in [(INT32_MAX, 1), (INT32_MIN, -1)]:
        async with fails_with(grpc.StatusCode.OUT_OF_RANGE):
            await peer.calculator.Add(calculator.AddRequest(a=a, b=b))
    async with fails_with(grpc.StatusCode.OUT_OF_RANGE):
        await peer.calculator.Subtract(calculator.SubtractRequest(a=0, b=INT32_MIN))


async def unary_calls_fail_with_message_and_details(peer):
    async with is_the_error():
        await peer.telemetry.Latest(telemetry.Query(series="error"))


async def server_streams_fail_after_messages(peer):
    call = peer.telemetry.Watch(telemetry.Query(series="error"))
    assert [(await call.read()).count for _ in range(2)] == [0, 1]
    async with is_the_error():
        await call.read()


async def client_streams_fail_before_they_end(peer):
    call = peer.telemetry.Upload()
    await call.write(telemetry.Point(series="error"))
    async with is_the_error():
        await call


async def bidirectional_streams_fail_after_messages(peer):
    call = peer.telemetry.Tail()
    await call.write(telemetry.Query(series="ball", limit=7))
    assert (await call.read()).count == 7
    await call.write(telemetry.Query(series="error"))
    async with is_the_error():
        await call.read()


async def unknown_methods_are_unimplemented(peer):
    multiply = peer.channel.unary_unary(
        "/calculator.Calculator/Multiply",
        request_serializer=calculator.AddRequest.SerializeToString,
        response_deserializer=calculator.AddResponse.FromString,
    )
    async with fails_with(grpc.StatusCode.UNIMPLEMENTED):
        await multiply(calculator.AddRequest(a=5, b=3))


async def unknown_services_are_unimplemented(peer):
    async with fails_with(grpc.StatusCode.UNIMPLEMENTED):
        await greeter_services.GreeterStub(peer.channel).SayHello(greeter.HelloRequest(name="you"))


@asynccontextmanager
async def is_the_error():
    async with fails_with(grpc.StatusCode.INVALID_ARGUMENT) as statuses:
        yield
    assert statuses[0].details() == ERROR_MESSAGE, statuses
    assert statuses[0].trailing_metadata()["grpc-status-details-bin"] == ERROR_DETAILS, statuses


CHECKS = [
    overflow_is_out_of_range,
    unary_calls_fail_with_message_and_details,
    server_streams_fail_after_messages,
    client_streams_fail_before_they_end,
    bidirectional_streams_fail_after_messages,
    unknown_methods_are_unimplemented,
    unknown_services_are_unimplemented,
]
