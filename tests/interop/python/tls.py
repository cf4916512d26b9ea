"""TLS with certificates on both sides: the server, and the checks of one; see ../src/tls.rs."""

import asyncio
import signal
import sys
from pathlib import Path

import grpc

from contract import calculator, calculator_services
from scenarios import Calculator


async def serve(read):
    server = grpc.aio.server()
    calculator_services.add_CalculatorServicer_to_server(Calculator(), server)
    pair = [(read("server.key"), read("server.crt"))]
    credentials = grpc.ssl_server_credentials(pair, read("ca.crt"), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(f"listening on localhost:{port}", flush=True)

    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    await terminated.wait()
    await server.stop(grace=0)
    return True


async def check(read, address):
    pair = (read("client.key"), read("client.crt"))
    other_name = [("grpc.ssl_target_name_override", "other.example")]
    passed = True
    for name, credentials, options, expected in [
        ("tls with both certificates", (read("ca.crt"), *pair), (), True),
        ("tls without a client certificate is refused", (read("ca.crt"),), (), False),
        ("tls of an unknown ca is refused", (read("other.crt"), *pair), (), False),
        ("tls with another name is refused", (read("ca.crt"), *pair), other_name, False),
    ]:
        added = await add(address, grpc.ssl_channel_credentials(*credentials), options)
        is_right = (added == 8) == expected
        passed &= is_right
        print("ok" if is_right else "FAILED", name if is_right else f"{name}: {added}", flush=True)
    return passed


async def add(address, credentials, options):
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        stub = calculator_services.CalculatorStub(channel)
        try:
            return (await stub.Add(calculator.AddRequest(a=5, b=3), timeout=20)).result
        except grpc.aio.AioRpcError as status:
            assert status.code() == grpc.StatusCode.UNAVAILABLE, status
            return status.details()


def main(command, *arguments):
    *address, folder = arguments
    read = lambda name: Path(folder, name).read_bytes()
    return asyncio.run({"serve": serve, "check": check}[command](read, *address))


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
