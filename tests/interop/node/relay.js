// A TCP relay that counts bytes and can fall silent.

import { once } from "node:events";
import net from "node:net";

/** Relays to `address` while `use` runs with the relay. */
export async function relaying(address, use) {
  const [host, port] = address.split(":");
  const relay = { sent: 0, received: 0, silent: false };
  const sockets = new Set();
  const server = net.createServer((here) => {
    const there = net.connect(Number(port), host);
    const pass = (from, to, count) => {
      sockets.add(from);
      from.on("data", (data) => {
        relay[count] += data.length;
        if (!relay.silent) to.write(data);
      });
      from.on("error", () => {});
      from.on("close", () => to.destroy());
    };
    pass(here, there, "sent");
    pass(there, here, "received");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  relay.address = `127.0.0.1:${server.address().port}`;
  try {
    return await use(relay);
  } finally {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
}
