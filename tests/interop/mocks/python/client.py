"""A client of the mocks, with grpcio: `client.py SCENARIO HOST:PORT`."""

import sys
import threading
from pathlib import Path

import grpc

sys.path.append(str(Path(__file__).resolve().parents[4] / "proto"))
telemetry, services = grpc.protos_and_services("telemetry.proto")


def point(number):
    return telemetry.Point(series="a", number=number)


def query(series, **fields):
    return telemetry.Query(series=series, **fields)


def fails(code, call):
    """The error that a call ends with, which must have this code."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"the call should end with {code}")


def unary(stub):
    metadata = [("x-tenant", "one"), ("x-trace-bin", b"\0\xff")]
    request = query("a", limit=2, labels={"room": "one"})
    response, call = stub.Latest.with_call(request, metadata=metadata)
    assert response == point(1), response
    assert ("x-head", "head") in call.initial_metadata(), call.initial_metadata()
    assert ("x-tail", "tail") in call.trailing_metadata(), call.trailing_metadata()


def server_stream(stub):
    call = stub.Watch(query("a"))
    assert ("x-head", "head") in call.initial_metadata(), call.initial_metadata()
    assert [next(call), next(call)] == [point(1), point(2)]
    error = fails(grpc.StatusCode.DATA_LOSS, lambda: next(call))
    assert error.details() == "node lost", error
    assert ("x-tail", "tail") in call.trailing_metadata(), call.trailing_metadata()


def client_stream(stub):
    summary = stub.Upload(iter([point(1), point(2)]))
    assert summary == telemetry.Summary(accepted=2), summary


def dialogue(stub):
    answers = []
    # grpcio asks for queries on a thread of its own, perhaps before it has returned the call.
    has_call = threading.Event()

    def queries():
        yield query("a")
        has_call.wait()
        answers.append(next(call))
        yield query("b")
        answers.append(next(call))

    call = stub.Tail(queries())
    has_call.set()
    assert ("x-tail", "tail") in call.trailing_metadata(), call.trailing_metadata()
    assert answers == [point(1), point(2)], answers
    assert call.code() == grpc.StatusCode.OK, call


def sequence(stub):
    fails(grpc.StatusCode.UNAVAILABLE, lambda: stub.Latest(query("a")))
    assert stub.Latest(query("a")) == point(1)
    assert list(stub.Watch(query("a"))) == [point(2)]


def details(stub):
    error = fails(grpc.StatusCode.ABORTED, lambda: stub.Latest(query("a")))
    assert error.details() == "naïve: 日本語", error
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\0\x01\xfe\xff"


def deadline(stub):
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: stub.Latest(query("a"), timeout=1))


def cancellation(stub):
    call = stub.Watch(query("a"))
    assert next(call) == point(1)
    call.cancel()
    fails(grpc.StatusCode.CANCELLED, lambda: next(call))


def unexpected(stub):
    error = fails(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.Latest(query("b")))
    method, expectation = "telemetry.Telemetry/Latest", 'any calls with Query { series: "a"'
    for part in [f"unexpected call of {method}", expectation, 'series: expected "a", got "b"']:
        assert part in error.details(), error.details()
    print(error.details())


def unfinished(stub):
    call = stub.Watch(query("a"))
    assert next(call) == point(1)
    call.cancel()


def long(stub):
    request = query("日本語 " * 10_000)
    error = fails(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.Latest(request))
    assert "the rest is in the verdict of the mock" in error.details(), error.details()
    assert len(error.details()) < 5_000, len(error.details())
    print(error.details())


def main():
    _, scenario, address = sys.argv
    with grpc.insecure_channel(address) as channel:
        globals()[scenario](services.TelemetryStub(channel))


if __name__ == "__main__":
    main()
