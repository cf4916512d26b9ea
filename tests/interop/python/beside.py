"""Calls beside large transfers, over one connection: a client, and a server for ../src/beside.rs."""

import asyncio
import sys
import threading
import time

import grpc

from contract import telemetry, telemetry_services

# How many calls have to be answered, one after the other, and how many others are made at any time.
CALLS = 50
OTHERS = 16
LARGE = 1 << 20
# Only against hanging.
LONG = 60


def compute():
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass


class Telemetry(telemetry_services.TelemetryServicer):
    async def Latest(self, query, context):
        return telemetry.Point(series=query.series)

    async def Watch(self, query, context):
        point = telemetry.Point(raw=bytes(int(query.labels["bytes"])))
        while True:
            if query.series == "computes":
                compute()
            yield point

    async def Upload(self, points, context):
        async for _ in points:
            pass
        return telemetry.Summary()


async def serve():
    server = grpc.aio.server()
    telemetry_services.add_TelemetryServicer_to_server(Telemetry(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


class Load:
    """What goes on beside the calls, and how far it has come."""

    def __init__(self, stub):
        self.stub = stub
        self.counts = {"download": 0, "computes": 0, "upload": 0, "others": 0}
        self.ended = []
        self.is_over = False

    def start(self):
        work = [
            lambda: self.download("download", LARGE),
            lambda: self.download("computes", 1000),
            lambda: self.stub.Upload(self.points()),
            *[self.flood] * OTHERS,
        ]
        for each in work:
            threading.Thread(target=self.run, args=[each], daemon=True).start()

    def run(self, work):
        try:
            work()
            ended = "too early"
        except grpc.RpcError as status:
            ended = status
        if not self.is_over:
            self.ended.append(ended)

    def download(self, series, size):
        for _ in self.stub.Watch(telemetry.Query(series=series, labels={"bytes": str(size)})):
            self.counts[series] += 1

    def points(self):
        while True:
            self.counts["upload"] += 1
            yield telemetry.Point(raw=bytes(LARGE))

    def flood(self):
        while True:
            self.stub.Latest(telemetry.Query(series="a"))
            self.counts["others"] += 1

    def all_go_on(self, before):
        end = time.monotonic() + LONG
        while any(count <= before.get(name, 0) for name, count in self.counts.items()):
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True


def check(address):
    with grpc.insecure_channel(address) as channel:
        stub = telemetry_services.TelemetryStub(channel)
        unread = stub.Watch(telemetry.Query(series="unread", labels={"bytes": str(LARGE)}))
        next(unread)
        load = Load(stub)
        load.start()
        started = load.all_go_on({})
        before = dict(load.counts)
        answered = 0
        try:
            for _ in range(CALLS):
                stub.Latest(telemetry.Query(series="a"), timeout=LONG)
                answered += 1
        except grpc.RpcError as status:
            print(status)
        go_on = load.all_go_on(before)
        checks = {
            "calls are answered beside large transfers": started and answered == CALLS,
            "large transfers go on beside calls": go_on and not load.ended,
            "a stream that nobody has read goes on when it is read": len(next(unread).raw) == LARGE,
        }
        load.is_over = True
    for name, passed in checks.items():
        print("ok" if passed else "FAILED", name, flush=True)
    if not all(checks.values()):
        print(answered, before, load.counts, load.ended)
    return all(checks.values())


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        sys.exit(not check(*sys.argv[1:]))
