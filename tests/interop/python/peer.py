"""The Python peer: serves the scenarios, or checks a server that does."""

import argparse
import asyncio
import signal
import sys

import grpc

import checks
from contract import calculator_services, telemetry_services
from scenarios import Calculator, Telemetry

# A level lets the server choose from what the client accepts; `compression=` does not.
GZIP_WHERE_ACCEPTED = ("grpc.default_compression_level", 2)


async def serve():
    server = grpc.aio.server(options=[GZIP_WHERE_ACCEPTED])
    calculator_services.add_CalculatorServicer_to_server(Calculator(), server)
    telemetry_services.add_TelemetryServicer_to_server(Telemetry(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)

    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    await terminated.wait()
    await server.stop(grace=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve on a free port of 127.0.0.1 and print it")
    commands.add_parser("check", help="run every check").add_argument("address", metavar="HOST:PORT")
    arguments = parser.parse_args()

    if arguments.command == "serve":
        asyncio.run(serve())
    elif not asyncio.run(checks.run(arguments.address)):
        sys.exit(1)


if __name__ == "__main__":
    main()
