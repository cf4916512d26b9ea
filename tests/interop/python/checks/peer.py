"""What every check is given: a channel to the server, and what it asks of it."""

import asyncio
import itertools
from contextlib import asynccontextmanager

import grpc

from contract import calculator_services, telemetry, telemetry_services
from relay import Relay

_names = itertools.count(1)


class Peer:
    def __init__(self, address, credentials=None, **channel_options):
        self.address = address
        if credentials:
            self.channel = grpc.aio.secure_channel(address, credentials, **channel_options)
        else:
            self.channel = grpc.aio.insecure_channel(address, **channel_options)
        self.calculator = calculator_services.CalculatorStub(self.channel)
        self.telemetry = telemetry_services.TelemetryStub(self.channel)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.channel.close()

    @asynccontextmanager
    async def through_relay(self, **channel_options):
        """The same server through a relay: `(peer, relay)`."""
        async with Relay(self.address) as relay:
            async with Peer(relay.address, **channel_options) as peer:
                yield peer, relay

    async def becomes(self, name, state):
        """Waits until the call that is named has reached the state."""
        query = telemetry.Query(series="state", labels={"call": name})
        for _ in range(200):
            seen = (await self.telemetry.Latest(query)).text
            if seen == state:
                return
            await asyncio.sleep(0.025)
        raise AssertionError(f"call {name} is {seen}, not {state}")


def named(series, limit=0):
    """A query whose call has a name that no other has: `(name, query)`."""
    name = f"python-{next(_names)}"
    return name, telemetry.Query(series=series, limit=limit, labels={"call": name})


async def collect(stream):
    return [message async for message in stream]


@asynccontextmanager
async def fails_with(code):
    """The block fails with a status of this code, which is put into the list it gets."""
    statuses = []
    try:
        yield statuses
    except grpc.aio.AioRpcError as status:
        assert status.code() == code, status
        statuses.append(status)
    else:
        raise AssertionError(f"succeeded instead of {code.name}")
