"""A network that is cut under load: run it in a network namespace of its own; see ../README.md.

The loopback interface is turned off, so that packets are lost and neither side hears of it.
"""

import subprocess
import sys
from pathlib import Path

import grpc

import ages
from contract import telemetry, telemetry_services
from reloads import IN_FLIGHT, until

# How many calls there are before the cut, and after it.
CALLS = 500
# As those of the Rust client, in ../src/load.rs.
KEEPALIVE = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 1000)]
LISTENING = "listening on "


def loopback(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def connections(port):
    """How many connections clients have to this port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    established = "01"
    return sum(field[2].endswith(f":{port:04X}") and field[3] == established for field in fields)


def calls_of_rust_end_and_go_on(interop, address):
    command = [*interop, "load", address]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until(lambda: ages.counts(address)["calls"] >= CALLS)
    loopback("down")
    until(lambda: connections(int(address.rsplit(":")[-1])) == 0)
    loopback("up")
    enough = ages.counts(address)["calls"] + CALLS
    until(lambda: ages.counts(address)["calls"] >= enough)
    output, _ = client.communicate()
    ends = [line.split(" ", 1) for line in output.splitlines()]
    answered = sum(int(calls) for calls, end in ends if end == "Ok")
    lost = {end: int(calls) for calls, end in ends if end != "Ok"}
    counts = ages.counts(address)
    print(f"{answered} calls, lost: {lost or 'none'}", flush=True)
    assert counts["repeated"] == 0 and counts["calls"] >= answered, counts
    assert sum(lost.values()) <= IN_FLIGHT
    # TCP notices at once if something was on its way to the server, and the next PING if not.
    reasons = ("the peer has acknowledged nothing", "the peer did not answer a keepalive ping")
    assert all(end.startswith(tuple(f"Unavailable {reason}" for reason in reasons)) for end in lost)


def calls_of_grpcio_end_and_go_on(_, address):
    with grpc.insecure_channel(address, options=KEEPALIVE) as channel:
        stub = telemetry_services.TelemetryStub(channel)
        stub.Latest(telemetry.Query(series="before"))
        loopback("down")
        try:
            stub.Latest(telemetry.Query(series="meanwhile"))
            raise AssertionError("it was answered")
        except grpc.RpcError as status:
            assert status.code() == grpc.StatusCode.UNAVAILABLE, status
        finally:
            loopback("up")
        stub.Latest(telemetry.Query(series="after"), wait_for_ready=True)
    assert ages.counts(address)["repeated"] == 0


def main(interop):
    loopback("up")
    passed = True
    for run in (calls_of_rust_end_and_go_on, calls_of_grpcio_end_and_go_on):
        server = subprocess.Popen([*interop, "counting"], stdout=subprocess.PIPE, text=True)
        name = run.__name__.replace("_", " ") + " when the network is cut and mended"
        try:
            run(interop, server.stdout.readline().strip().removeprefix(LISTENING))
            print("ok", name, flush=True)
        except (AssertionError, TimeoutError, grpc.RpcError) as problem:
            print(f"FAILED {name}: {problem!r}", flush=True)
            passed = False
        finally:
            server.terminate()
            server.wait()
    return passed


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
