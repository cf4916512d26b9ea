// Calls a server whose connections grow no older than a second; see ../README.md.

import grpc from "@grpc/grpc-js";

import { telemetry } from "./contract.js";

const IN_FLIGHT = 64;
/** How many connections a client goes through. */
const CONNECTIONS = 6;

const [address] = process.argv.slice(2);
const client = new telemetry.Telemetry(address, grpc.credentials.createInsecure());
const connections = new Set();
const lost = [];
let answered = 0;

const latest = (query) =>
  new Promise((resolve, reject) =>
    client.Latest(query, (error, point) => (error ? reject(error) : resolve([point]))),
  );

const watch = (query) =>
  new Promise((resolve, reject) => {
    const points = [];
    const call = client.Watch(query);
    call.on("data", (point) => points.push(point));
    call.on("error", reject);
    call.on("end", () => resolve(points));
  });

async function calls(caller) {
  for (let number = 0; connections.size < CONNECTIONS && lost.length === 0; number++) {
    const query = { series: `${caller}-${number}`, limit: 3 };
    const points = await (caller % 4 === 0 ? watch(query) : latest(query));
    answered += 1;
    points.forEach((point) => connections.add(point.labels.connections));
  }
}

const callers = Array.from({ length: IN_FLIGHT }, (_, caller) => caller);
await Promise.all(callers.map((caller) => calls(caller).catch((error) => lost.push(error))));
const [{ labels }] = await latest({ series: "counts" });
const passed = lost.length === 0 && Number(labels.calls) === answered && labels.repeated === "0";
console.log(passed ? "ok" : "FAILED", "calls do not notice the ages of their connections");
console.log(`${answered} calls over ${labels.connections} connections`);
if (!passed) console.log(labels, lost.slice(0, 3));
process.exit(passed ? 0 : 1);
