// A client of the mocks, with @grpc/grpc-js: `client.js SCENARIO HOST:PORT`.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const protos = fileURLToPath(new URL("../../../../proto", import.meta.url));
const definition = loader.loadSync("telemetry.proto", { includeDirs: [protos], longs: Number });
const { telemetry } = grpc.loadPackageDefinition(definition);

/** Waits for a unary call or a client stream: its response, header and trailers. */
function unary(start) {
  return new Promise((resolve, reject) => {
    let header;
    const call = start((error, response) => {
      // The status, with the trailers, comes right behind.
      setImmediate(() => (error ? reject(error) : resolve({ response, header, trailers })));
    });
    let trailers;
    call.on("metadata", (metadata) => (header = metadata));
    call.on("status", (status) => (trailers = status.metadata));
  });
}

/** Reads a stream to its end: its messages, header, and status. */
function read(call, react = () => {}) {
  return new Promise((resolve) => {
    const seen = { messages: [] };
    call.on("metadata", (metadata) => (seen.header = metadata));
    call.on("data", (message) => {
      seen.messages.push(message.number);
      react(seen.messages.length);
    });
    call.on("error", () => {});
    call.on("status", (status) => resolve({ ...seen, status }));
  });
}

async function fails(code, call) {
  const error = await call.then(() => assert.fail(`the call should end with ${code}`), (it) => it);
  assert.equal(error.code, code, error);
  return error;
}

const point = (number) => ({ series: "a", number });
const latest = (client, query, metadata = new grpc.Metadata(), options = {}) =>
  unary((done) => client.Latest(query, metadata, options, done));

const scenarios = {
  async unary(client) {
    const metadata = new grpc.Metadata();
    metadata.add("x-tenant", "one");
    metadata.add("x-trace-bin", Buffer.from([0x00, 0xff]));
    const query = { series: "a", limit: 2, labels: { room: "one" } };
    const { response, header, trailers } = await latest(client, query, metadata);
    assert.equal(response.number, 1);
    assert.deepEqual(header.get("x-head"), ["head"]);
    assert.deepEqual(trailers.get("x-tail"), ["tail"]);
  },

  async server_stream(client) {
    const { messages, header, status } = await read(client.Watch({ series: "a" }));
    assert.deepEqual(header.get("x-head"), ["head"]);
    assert.deepEqual(messages, [1, 2]);
    assert.equal(status.code, grpc.status.DATA_LOSS);
    assert.equal(status.details, "node lost");
    assert.deepEqual(status.metadata.get("x-tail"), ["tail"]);
  },

  async client_stream(client) {
    const { response } = await unary((done) => {
      const call = client.Upload(done);
      call.write(point(1));
      call.write(point(2));
      call.end();
      return call;
    });
    assert.equal(response.accepted, 2);
  },

  async dialogue(client) {
    const call = client.Tail();
    const seen = read(call, (number) => (number === 1 ? call.write({ series: "b" }) : call.end()));
    call.write({ series: "a" });
    const { messages, status } = await seen;
    assert.deepEqual(messages, [1, 2]);
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(status.metadata.get("x-tail"), ["tail"]);
  },

  async sequence(client) {
    await fails(grpc.status.UNAVAILABLE, latest(client, { series: "a" }));
    assert.equal((await latest(client, { series: "a" })).response.number, 1);
    assert.deepEqual((await read(client.Watch({ series: "a" }))).messages, [2]);
  },

  async details(client) {
    const error = await fails(grpc.status.ABORTED, latest(client, { series: "a" }));
    assert.equal(error.details, "naïve: 日本語");
    const [details] = error.metadata.get("grpc-status-details-bin");
    assert.deepEqual([...details], [0x00, 0x01, 0xfe, 0xff]);
  },

  async deadline(client) {
    const options = { deadline: Date.now() + 1000 };
    const call = latest(client, { series: "a" }, undefined, options);
    await fails(grpc.status.DEADLINE_EXCEEDED, call);
  },

  async cancellation(client) {
    const call = client.Watch({ series: "a" });
    const { messages, status } = await read(call, () => call.cancel());
    assert.deepEqual(messages, [1]);
    assert.equal(status.code, grpc.status.CANCELLED);
  },

  async unexpected(client) {
    const { details } = await fails(grpc.status.UNIMPLEMENTED, latest(client, { series: "b" }));
    assert.match(details, /unexpected call of telemetry\.Telemetry\/Latest/);
    assert.match(details, /any calls with Query \{ series: "a"/);
    assert.match(details, /series: expected "a", got "b"/);
    console.log(details);
  },

  async unfinished(client) {
    const call = client.Watch({ series: "a" });
    assert.deepEqual((await read(call, () => call.cancel())).messages, [1]);
  },

  async long(client) {
    const query = { series: "日本語 ".repeat(10_000) };
    const { details } = await fails(grpc.status.UNIMPLEMENTED, latest(client, query));
    assert.match(details, /the rest is in the verdict of the mock/);
    assert.ok(details.length < 5_000, details.length);
    console.log(details);
  },
};

const [scenario, address] = process.argv.slice(2);
const client = new telemetry.Telemetry(address, grpc.credentials.createInsecure());
await scenarios[scenario](client);
client.close();
