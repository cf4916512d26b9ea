"""HAProxy and nginx in front of a server, which they tell who calls; see ../README.md."""

import struct
import subprocess

import reloads
from contract import calculator

# Only against hanging.
LONG = 60
# Of the client, on the loopback interface. Proxies connect from 127.0.0.1.
CLIENT = "127.0.0.9"


def over_tcp(options):
    """HAProxy that passes on connections, with these options of the server behind it."""
    return reloads.haproxy("60s", "tcp", "", options)


def checks(folder):
    """By name: how the server is started, the proxy in front of it, and what curl has to know."""
    version_2 = over_tcp("send-proxy-v2")
    extensions = over_tcp("send-proxy-v2 proxy-v2-options crc32c,authority,unique-id")
    trusting = ["--cacert", f"{folder}/ca.crt"]
    return {
        "HAProxy tells it in version 1": (["proxied"], over_tcp("send-proxy"), []),
        "HAProxy tells it in version 2": (["proxied"], version_2, []),
        "HAProxy tells it with extensions": (["proxied"], extensions, []),
        "HAProxy tells it before TLS": (["proxied", "tls", folder], version_2, trusting),
        "HAProxy tells it in a header": (["forwarded"], reloads.PROXIES["HAProxy, HTTP/2"], []),
        "nginx tells it in a header": (["forwarded"], reloads.PROXIES["nginx"], []),
    }


def client_of(address, *options):
    """Whom the handler takes for the client of a call that curl makes. None if the call fails."""
    request = calculator.AddRequest(a=5, b=3).SerializeToString()
    origin = address.replace("127.0.0.1", "https://localhost" if options else "http://localhost")
    command = [
        *("curl", "--silent", "--max-time", str(LONG), "--noproxy", "*", *options),
        *("--ipv4", "--interface", CLIENT, "--http2-prior-knowledge"),
        *("--header", "te: trailers", "--header", "content-type: application/grpc"),
        # As somebody does who wants to be somebody else.
        *("--header", "x-forwarded-for: 6.6.6.6"),
        *("--data-binary", "@-", "--dump-header", "-", "--output", "/dev/null"),
        f"{origin}/calculator.Calculator/Add",
    ]
    body = struct.pack(">BI", 0, len(request)) + request
    answer = subprocess.run(command, input=body, capture_output=True)
    headers = [line.split(": ", 1) for line in answer.stdout.decode().splitlines()]
    return next((rest[0] for name, *rest in headers if name == "x-client"), None)
