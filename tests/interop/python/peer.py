"""The Python peer: serves the scenarios, or checks a server that does.

    peer.py serve [tls|mtls|auth FOLDER]              on a free port, which is printed
    peer.py check HOST:PORT [tls|mtls|auth FOLDER]    runs every check

A folder has certificates: see ../src/tls.rs for `tls` and `mtls`, and ../src/auth.rs for `auth`.
"""

import asyncio
import signal
import sys
from pathlib import Path

import grpc

import auth
import checks
import tls
from contract import calculator_services, telemetry_services
from scenarios import Calculator, Telemetry

# A level lets the server choose from what the client accepts; `compression=` does not.
GZIP_WHERE_ACCEPTED = ("grpc.default_compression_level", 2)


async def serve(kind, read):
    server = grpc.aio.server(options=[GZIP_WHERE_ACCEPTED])
    calculator = auth.Guarded() if kind == "auth" else Calculator()
    calculator_services.add_CalculatorServicer_to_server(calculator, server)
    telemetry_services.add_TelemetryServicer_to_server(Telemetry(), server)
    if kind:
        port = server.add_secure_port("127.0.0.1:0", tls.server_credentials(kind, read))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on {'localhost' if kind else '127.0.0.1'}:{port}", flush=True)

    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    await terminated.wait()
    await server.stop(grace=0)
    return True


async def check(address, kind, read):
    match kind:
        case None:
            return await checks.run(address)
        case "auth":
            return await auth.check(address, read)
        case _:
            return await tls.check(address, kind, read)


def main(arguments):
    match arguments:
        case ["serve", *secure] if len(secure) in (0, 2):
            return asyncio.run(serve(*kind_of(secure)))
        case ["check", address, *secure] if len(secure) in (0, 2):
            return asyncio.run(check(address, *kind_of(secure)))
    sys.exit(__doc__)


def kind_of(secure):
    """None or a kind, and what reads a file with certificates."""
    kind, folder = secure or (None, "")
    return kind, lambda name: Path(folder, name).read_bytes()


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
