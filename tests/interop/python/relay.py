"""A TCP relay that counts the bytes it carries and can fall silent."""

import asyncio


class Relay:
    """Stands between a client and `target` while the `async with` block runs."""

    def __init__(self, target):
        self.target = target
        self.sent = 0
        self.received = 0
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._pumps = set()

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._listener.close()
        for pump in self._pumps:
            pump.cancel()

    def fall_silent(self):
        """Carries nothing more, but keeps the connections open."""
        self._speaks.clear()

    async def _connected(self, client_reader, client_writer):
        host, port = self.target.rsplit(":", 1)
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        self._start(self._pump(client_reader, server_writer, "sent"))
        self._start(self._pump(server_reader, client_writer, "received"))

    def _start(self, pump):
        task = asyncio.create_task(pump)
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader, writer, counter):
        try:
            while data := await reader.read(65536):
                await self._speaks.wait()
                setattr(self, counter, getattr(self, counter) + len(data))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
