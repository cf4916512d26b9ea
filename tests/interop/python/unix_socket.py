"""Calls a server on a Unix socket, as every client on gRPC's C core does; see ../README.md."""

import asyncio
import sys

import grpc

from checks.peer import Peer
from contract import calculator

# Without it, the C core says the escaped path of the socket, which is no authority of a URI.
LOCALHOST = [("grpc.default_authority", "localhost")]


async def add(address, options=None):
    async with Peer(address, options=options) as peer:
        request = calculator.AddRequest(a=5, b=3)
        return (await peer.calculator.Add(request, timeout=20)).result


async def main(address):
    checks = {
        "a unix socket is called with an authority": await calls(address),
        "a unix socket refuses an authority that is a path": await is_refused(address),
    }
    for name, passed in checks.items():
        print("ok" if passed else "FAILED", name, flush=True)
    return all(checks.values())


async def calls(address):
    return await add(address, LOCALHOST) == 8


async def is_refused(address):
    """Once this is not so any more, the docs of `Server::serve_listener` need no such advice."""
    try:
        await add(address)
    except grpc.aio.AioRpcError as status:
        return "RST_STREAM with error code 1" in status.details()
    return False


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(sys.argv[1])))
