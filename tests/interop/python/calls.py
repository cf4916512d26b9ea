"""What became of the calls that a client has named."""

import asyncio
from contextlib import contextmanager


class Calls:
    def __init__(self):
        self._states = {}

    def state(self, name):
        return self._states.get(name, "unknown")

    @contextmanager
    def follow(self, labels):
        """Follows the call that the label `call` names through its handler."""
        name = labels.get("call")
        self._states[name] = "running"
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self._states[name] = "dropped"
            raise
        finally:
            if self._states[name] == "running":
                self._states[name] = "finished"
