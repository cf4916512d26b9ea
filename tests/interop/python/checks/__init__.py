"""The client: every check of a server that serves the scenarios of ../README.md."""

import asyncio

from . import calls, cancellation, compression, deadlines, errors, metadata, sizes
from .peer import Peer

CHECKS = [
    *calls.CHECKS,
    *metadata.CHECKS,
    *errors.CHECKS,
    *deadlines.CHECKS,
    *cancellation.CHECKS,
    *compression.CHECKS,
    *sizes.CHECKS,
]
TIME_LIMIT = 20


async def run(address):
    """Prints a line for each check; true when all have passed."""
    passed = True
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            async with Peer(address) as peer:
                await asyncio.wait_for(check(peer), TIME_LIMIT)
            print(f"ok {name}", flush=True)
        except Exception as error:
            passed = False
            print(f"FAILED {name}: {error!r}", flush=True)
    return passed
