"""Calls a server whose connections grow no older than a second; see ../README.md."""

import asyncio
import sys
import threading

import grpc

from contract import telemetry, telemetry_services

IN_FLIGHT = 64
# How many connections a client goes through.
CONNECTIONS = 6


class Load:
    """Calls, each by a name that no other has, until their client has gone through enough connections."""

    def __init__(self):
        self.answered = 0
        self.lost = []
        self.connections = set()

    def goes_on(self):
        return len(self.connections) < CONNECTIONS and not self.lost

    def queries(self, caller):
        number = 0
        while self.goes_on():
            yield telemetry.Query(series=f"{caller}-{number}", limit=3)
            number += 1

    def end(self, points):
        self.answered += 1
        self.connections.update(point.labels["connections"] for point in points)


def synchronous(channel, load):
    stub = telemetry_services.TelemetryStub(channel)
    # Python may switch threads within `+=`.
    lock = threading.Lock()

    def call(caller):
        try:
            for query in load.queries(caller):
                points = [*stub.Watch(query)] if caller % 4 == 0 else [stub.Latest(query)]
                with lock:
                    load.end(points)
        except grpc.RpcError as status:
            load.lost.append(status)

    callers = [threading.Thread(target=call, args=[caller]) for caller in range(IN_FLIGHT)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


async def asynchronous(channel, load):
    stub = telemetry_services.TelemetryStub(channel)

    async def call(caller):
        try:
            for query in load.queries(caller):
                if caller % 4 == 0:
                    load.end([point async for point in stub.Watch(query)])
                else:
                    load.end([await stub.Latest(query)])
        except grpc.RpcError as status:
            load.lost.append(status)

    await asyncio.gather(*map(call, range(IN_FLIGHT)))


def counts(address):
    with grpc.insecure_channel(address) as channel:
        labels = telemetry_services.TelemetryStub(channel).Latest(telemetry.Query(series="counts")).labels
        return {name: int(count) for name, count in labels.items()}


def main(address, kind):
    load = Load()
    if kind == "asynchronous":

        async def run():
            async with grpc.aio.insecure_channel(address) as channel:
                await asynchronous(channel, load)

        asyncio.run(run())
    else:
        with grpc.insecure_channel(address) as channel:
            synchronous(channel, load)
    counted = counts(address)
    passed = not load.lost and (counted["calls"], counted["repeated"]) == (load.answered, 0)
    name = f"{kind} calls do not notice the ages of their connections"
    print("ok" if passed else "FAILED", name, flush=True)
    print(f"{load.answered} calls over {counted['connections']} connections", flush=True)
    if not passed:
        print(counted, load.lost[:3])
    return passed


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
