"""Calls the service of the benchmark of gRPC and REST from Python, one call after the other: `load ADDRESS CASE …`."""

import http.client
import json
import os
import sys
import time
from pathlib import Path

import grpc

HERE = Path(__file__).resolve().parent
# The annotations are imports of the service.
sys.path += [str(HERE), str(HERE.parents[2] / "proto")]
messages, services = grpc.protos_and_services("shop.proto")

WARM_UP = 0.2
ITEMS = 10


def order():
    """The one that the client in Rust places."""
    return {
        "id": "0195f2a4-7c1e-7d3b-9c55-1f2e3d4c5b6a",
        "customer": {
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "street": "12 St James's Square",
            "city": "London",
            "country": "GB",
        },
        "items": [
            {
                "sku": f"978-3-16-148410-{number}",
                "title": f"A history of everything, in several volumes: volume {number + 1}",
                "quantity": 1 + number,
                "price": 19.9 + number,
                "tags": ["history", "hardcover", "signed"],
            }
            for number in range(ITEMS)
        ],
        "isGift": True,
        "note": "Please ring twice, and leave it with the neighbour if nobody is in.",
    }


class Grpc:
    def __init__(self, address):
        self.stub = services.ShopStub(grpc.insecure_channel(address))

    def add(self, a, b):
        return self.stub.Add(messages.AddRequest(a=a, b=b)).result

    def place(self):
        fields = order()
        fields["is_gift"] = fields.pop("isGift")
        return len(self.stub.Place(messages.Order(**fields)).items)


class Rest:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def post(self, path, body):
        headers = {"content-type": "application/json"}
        self.connection.request("POST", path, json.dumps(body).encode(), headers)
        response = self.connection.getresponse()
        assert response.status == 200, response.status
        return json.loads(response.read())

    def add(self, a, b):
        return self.post("/v1/add", {"a": a, "b": b})["result"]

    def place(self):
        return len(self.post("/v1/orders", order())["items"])


def calls(client, case, seconds):
    """How long each call took, in microseconds."""
    taken, begin = [], time.perf_counter()
    end = begin + seconds
    while begin < end:
        match case:
            case "add":
                assert client.add(len(taken) + 1, 7) == len(taken) + 8
            case "echo":
                assert client.place() == ITEMS
        now = time.perf_counter()
        taken.append((now - begin) * 1e6)
        begin = now
    return taken


def main():
    _, address, case, _, _, _, extent = sys.argv[1:]
    client = (Grpc if os.environ["DOOR"] == "grpc" else Rest)(address)
    calls(client, case, WARM_UP)
    begin, cpu = time.perf_counter(), time.process_time()
    taken = sorted(calls(client, case, float(extent.removeprefix("for="))))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    p50, p99 = (taken[int((len(taken) - 1) * part)] for part in (0.5, 0.99))
    print(json.dumps({"units": len(taken), "seconds": seconds, "p50_us": p50, "p99_us": p99, "cpu_us": cpu * 1e6}))


if __name__ == "__main__":
    main()
