"""Calls a server with curl, in gRPC-Web over HTTP/1.1; see ../README.md."""

import struct
import subprocess
import sys
import time

from contract import calculator, telemetry

# Only against hanging.
LONG = 60
WEB = "application/grpc-web+proto"
ADD = "calculator.Calculator/Add"
SIXTEEN_MIB = 16 << 20


class Server:
    def __init__(self, address, folder=None):
        self.origin = f"https://{address}" if folder else f"http://{address}"
        self.trust = ["--cacert", f"{folder}/ca.crt"] if folder else []

    def command(self, method, content_type, *options):
        return [
            *("curl", "--silent", "--http1.1", "--max-time", str(LONG), *self.trust, *options),
            *("--header", f"content-type: {content_type}", "--data-binary", "@-"),
            *("--write-out", "%{stderr}%{http_version} %{response_code} %{num_connects}\n"),
            f"{self.origin}/{method}",
        ]

    def post(self, method, *messages, content_type=WEB, options=()):
        """The body of the response, and for each transfer its version, its status and its connections."""
        command = self.command(method, content_type, *options)
        body = b"".join(map(frame, messages))
        done = subprocess.run(command, input=body, capture_output=True, check=True)
        return done.stdout, done.stderr.decode().splitlines()

    def call(self, method, *messages):
        """The messages of the response, and its status."""
        body, transfers = self.post(method, *messages)
        assert transfers == ["1.1 200 1"], transfers
        return parts(body)


def frame(message):
    encoded = message.SerializeToString()
    return struct.pack(">BI", 0, len(encoded)) + encoded


def parts(body):
    messages = []
    while body:
        flag, length = struct.unpack_from(">BI", body)
        part, body = body[5 : 5 + length], body[5 + length :]
        if flag == 0x80:
            assert not body, body
            lines = part.decode().splitlines()
            return messages, dict(line.split(": ", 1) for line in lines)["grpc-status"]
        messages.append(part)
    raise AssertionError("the response has no trailers")


def a_call_is_answered(server):
    (sum_,), status = server.call(ADD, calculator.AddRequest(a=5, b=3))
    assert calculator.AddResponse.FromString(sum_).result == 8
    assert status == "0"


def a_failure_has_its_status(server):
    query = telemetry.Query(series="error")
    messages, status = server.call("telemetry.Telemetry/Watch", query)
    assert (len(messages), status) == (2, "3"), (len(messages), status)


def a_stream_is_sent_and_one_received(server):
    points = [telemetry.Point(series=f"curl/{n % 2}") for n in range(1000)]
    (summary,), status = server.call("telemetry.Telemetry/Upload", *points)
    assert (telemetry.Summary.FromString(summary).accepted, status) == (1000, "0")
    query = telemetry.Query(series="any", limit=1000)
    messages, status = server.call("telemetry.Telemetry/Watch", query)
    assert (len(messages), status) == (1000, "0")


def a_large_response_is_whole(server):
    query = telemetry.Query(series="large", limit=SIXTEEN_MIB)
    (point,), status = server.call("telemetry.Telemetry/Latest", query)
    assert (len(telemetry.Point.FromString(point).raw), status) == (SIXTEEN_MIB, "0")


def a_large_request_waits_for_permission(server):
    """curl asks for it (`expect: 100-continue`), and waits for a second if it gets no answer."""
    point = telemetry.Point(series="curl", raw=bytes(3 << 20))
    begun = time.monotonic()
    body, _ = server.post(
        "telemetry.Telemetry/Upload", point, options=["--expect100-timeout", str(LONG)]
    )
    _, status = parts(body)
    assert status == "0" and time.monotonic() - begun < LONG / 2


def a_connection_is_used_again(server):
    request = calculator.AddRequest(a=5, b=3)
    more = ["--parallel-max", "1", f"{server.origin}/{ADD}"]
    _, transfers = server.post(ADD, request, options=more)
    assert transfers == ["1.1 200 1", "1.1 200 0"], transfers


def a_stream_arrives_as_it_is_made_and_ends_with_its_client(server):
    query = telemetry.Query(series="endless", labels={"call": "curl"})
    command = server.command("telemetry.Telemetry/Watch", WEB, "--no-buffer")
    curl = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    curl.stdin.write(frame(query))
    curl.stdin.close()
    for _ in range(10):
        _, length = struct.unpack(">BI", curl.stdout.read(5))
        telemetry.Point.FromString(curl.stdout.read(length))
    assert state(server, "curl") == "running"
    curl.terminate()
    curl.wait()
    deadline = time.monotonic() + LONG
    while state(server, "curl") != "dropped":
        assert time.monotonic() < deadline, "the handler goes on"


def state(server, call):
    query = telemetry.Query(series="state", labels={"call": call})
    (point,), _ = server.call("telemetry.Telemetry/Latest", query)
    return telemetry.Point.FromString(point).text


def grpc_itself_is_told_to_come_over_http2(server):
    request = calculator.AddRequest(a=5, b=3)
    text, transfers = server.post(ADD, request, content_type="application/grpc")
    assert transfers == ["1.1 505 1"] and b"HTTP/2" in text, (transfers, text)


def main(address, *folder):
    checks = {
        "a call is answered": a_call_is_answered,
        "a failure has its status": a_failure_has_its_status,
        "a stream is sent and one received": a_stream_is_sent_and_one_received,
        "a large response is whole": a_large_response_is_whole,
        "a large request waits for permission": a_large_request_waits_for_permission,
        "a connection is used again": a_connection_is_used_again,
        "a stream ends with its client": a_stream_arrives_as_it_is_made_and_ends_with_its_client,
        "gRPC itself is told to come over HTTP/2": grpc_itself_is_told_to_come_over_http2,
    }
    all_passed = True
    for name, check in checks.items():
        try:
            check(Server(address, *folder))
            print("ok", name, flush=True)
        except Exception as problem:
            all_passed = False
            print(f"FAILED {name}: {problem!r}", flush=True)
    return all_passed


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
