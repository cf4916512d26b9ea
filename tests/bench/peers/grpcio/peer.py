"""grpcio under the load of the wire benchmark: the same program as the peers in Rust."""

import asyncio
import json
import sys
import time
from pathlib import Path

import grpc

sys.path.append(str(Path(__file__).resolve().parents[2] / "load"))
messages, services = grpc.protos_and_services("bench.proto")

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
WARM_UP = 0.2


class Bench(services.BenchServicer):
    async def Add(self, request, context):
        return messages.Number(value=request.a + request.b)

    async def Echo(self, request, context):
        return request

    async def Download(self, request, context):
        blob = messages.Blob(data=b"x" * request.size)
        for _ in range(request.messages):
            yield blob

    async def Upload(self, blobs, context):
        return messages.Count(messages=sum([1 async for _ in blobs]))

    async def Chat(self, blobs, context):
        async for blob in blobs:
            yield blob


async def serve():
    server = grpc.aio.server(options=OPTIONS)
    services.add_BenchServicer_to_server(Bench(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time_ns() // 1000, flush=True)


class Load:
    def __init__(self, address, case, size, count):
        self.address, self.case, self.count = address, case, count
        self.size, self.blob = size, messages.Blob(data=b"x" * size)

    def connect(self):
        channel = grpc.aio.insecure_channel(self.address, options=OPTIONS)
        return channel, services.BenchStub(channel)

    async def call(self, stub, number):
        """Makes one call, and says of how many units."""
        match self.case:
            case "add" | "add-traced":
                trace = f"00-4bf92f3577b34da6a3ce929d{number:08x}-00f067aa{number:08x}-01"
                metadata = [("traceparent", trace)] if self.case == "add-traced" else None
                operands = messages.Operands(a=number, b=7)
                assert (await stub.Add(operands, metadata=metadata)).value == number + 7
                return 1
            case "connect":
                channel, stub = self.connect()
                async with channel:
                    await stub.Add(messages.Operands(a=number, b=7))
                return 1
            case "echo":
                assert len((await stub.Echo(self.blob)).data) == self.size
                return 1
            case "download":
                wish = messages.Wish(messages=self.count, size=self.size)
                return sum([1 async for _ in stub.Download(wish)])
            case "upload":
                return (await stub.Upload(self.blobs())).messages
            case "chat":
                return sum([1 async for _ in stub.Chat(self.blobs())])

    async def blobs(self):
        for _ in range(self.count):
            yield self.blob

    async def task(self, stub, end):
        units, latencies, number = 0, [], 0
        while (begin := time.monotonic()) < end:
            units += await self.call(stub, number)
            latencies.append(time.monotonic() - begin)
            number += 1
        return units, latencies

    async def measure(self, stub, in_flight, seconds):
        end = time.monotonic() + seconds
        return await asyncio.gather(*(self.task(stub, end) for _ in range(in_flight)))


async def load(address, case, in_flight, size, count, extent):
    run = Load(address, case, int(size), int(count))
    channel, stub = run.connect()
    async with channel:
        await run.measure(stub, int(in_flight), WARM_UP)
        begin, cpu = time.monotonic(), time.process_time()
        seen = await run.measure(stub, int(in_flight), float(extent.removeprefix("for=")))
        seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
    latencies = sorted(latency for _, latencies in seen for latency in latencies)
    at = lambda part: latencies[int((len(latencies) - 1) * part)] * 1e6
    units = sum(units for units, _ in seen)
    print(json.dumps({
        "units": units,
        "seconds": seconds,
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "cpu_us": cpu * 1e6,
    }))


match sys.argv[1:]:
    case ["serve"]:
        asyncio.run(serve())
    case ["load", *words]:
        asyncio.run(load(*words))
    case _:
        sys.exit("serve, or load with what it takes")
