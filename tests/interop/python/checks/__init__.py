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
# What is below them may differ.
CALLS_AND_SIZES = [*calls.CHECKS, *sizes.CHECKS]
TIME_LIMIT = 20


async def run(address, checks=CHECKS, credentials=None):
    """Prints a line for each check; true when all have passed."""
    passed = True
    for check in checks:
        problem = None
        try:
            async with Peer(address, credentials) as peer:
                await asyncio.wait_for(check(peer), TIME_LIMIT)
        except Exception as error:
            problem = repr(error)
        passed &= report(check.__name__.replace("_", " "), problem)
    return passed


def report(name, problem=None):
    """Prints what a check has come to; true when it has passed."""
    print(f"ok {name}" if problem is None else f"FAILED {name}: {problem}", flush=True)
    return problem is None
