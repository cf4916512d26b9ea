"""Has calls in progress while it stops a server, once and then by force; see ../README.md."""

import os
import signal
import sys

import grpc

from contract import calculator, calculator_services, telemetry, telemetry_services

# Only against hanging.
LONG = 60
SHUT_DOWN = "the server shut down before the call ended"


def ended(call):
    try:
        call()
    except grpc.RpcError as status:
        return status.code(), status.details()
    return None


def main(address, process):
    with grpc.insecure_channel(address) as channel:
        stub = telemetry_services.TelemetryStub(channel)
        points = stub.Watch(telemetry.Query(series="endless"), timeout=LONG)
        next(points)
        slow = stub.Latest.future(telemetry.Query(series="slow"), timeout=LONG)
        quiet = stub.Watch(telemetry.Query(series="slow"), timeout=LONG)
        next(quiet)
        os.kill(process, signal.SIGTERM)
        # Nobody can connect any more, so the connection is drained.
        while True:
            with grpc.insecure_channel(address) as other:
                add = calculator_services.CalculatorStub(other).Add
                if ended(lambda: add(calculator.AddRequest(a=5, b=3), timeout=LONG)):
                    break
        go_on = [next(points) for _ in range(20)]
        checks = {"calls in progress go on after a signal": len(go_on) == 20 and not slow.done()}
        os.kill(process, signal.SIGTERM)
        unavailable = (grpc.StatusCode.UNAVAILABLE, SHUT_DOWN)
        for name, call in {
            "a unary call": slow.result,
            "a stream": lambda: list(points),
            "a stream that says nothing": lambda: list(quiet),
        }.items():
            end = ended(call)
            if end != unavailable:
                print(end, flush=True)
            checks[f"{name} is unavailable after a second signal"] = end == unavailable
    for name, passed in checks.items():
        print("ok" if passed else "FAILED", name, flush=True)
    return all(checks.values())


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
