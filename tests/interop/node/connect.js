// A client of Connect, on connect-es: calls a server of the scenarios in README.md, in protobuf and in JSON.
// connect.js HOST:PORT DESCRIPTORS, a file with the contracts as a FileDescriptorSet.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createConnectTransport } from "@connectrpc/connect-node";

const ERROR_MESSAGE = "100 % naïve: 日本語\nmore";
const TIME_LIMIT = 20_000;
const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

const gzip = { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 0 };
const [address, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)),
);

class Peer {
  constructor(options) {
    const client = (name, more) => {
      const transport = createConnectTransport({
        baseUrl: `http://${address}`,
        httpVersion: "2",
        jsonOptions: { registry },
        ...options,
        ...more,
      });
      return createClient(registry.getService(name), transport);
    };
    // It accepts no compression.
    this.calculator = client("calculator.Calculator", { sendCompression: undefined });
    this.compressing = client("calculator.Calculator", gzip);
    this.telemetry = client("telemetry.Telemetry");
    this.mirror = client("mirror.Mirror");
  }

  /** Waits until the call that is named has reached the state. */
  async becomes(name, state) {
    let seen;
    for (let tries = 0; tries < 200; tries++) {
      seen = (await this.telemetry.latest({ series: "state", labels: { call: name } })).value.value;
      if (seen === state) return;
      await sleep(25);
    }
    assert.fail(`call ${name} is ${seen}, not ${state}`);
  }
}

async function failsWith(code, promise) {
  const error = await promise.then(() => assert.fail(`succeeded instead of ${Code[code]}`), (it) => it);
  assert.ok(error instanceof ConnectError, error);
  assert.equal(Code[error.code], Code[code], error);
  return error;
}

async function all(stream) {
  const messages = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

async function* points(series, numbers) {
  for (const number of numbers) yield { series, value: { case: "number", value: number } };
}

let names = 0;

const CHECKS = {
  async "numbers are added"({ calculator }) {
    assert.equal((await calculator.add({ a: 5, b: -3 })).result, 2);
    const error = await failsWith(Code.OutOfRange, calculator.add({ a: 2 ** 31 - 1, b: 1 }));
    assert.notEqual(error.rawMessage, "");
  },

  async "unary calls are answered"({ telemetry }) {
    const labels = { floor: "2", größe: "1 µm" };
    const point = await telemetry.latest({ series: "room", labels });
    assert.deepEqual(point.labels, labels);
    assert.deepEqual(point.value, { case: "number", value: 21.5 });
  },

  async "server streams come in order"({ telemetry }) {
    const counts = (await all(telemetry.watch({ series: "a", limit: 100 }))).map((it) => it.value.value);
    assert.deepEqual(counts, Array.from({ length: 100 }, (_, count) => BigInt(count)));
  },

  async "all kinds of values come over"({ telemetry }) {
    const values = (await all(telemetry.watch({ series: "kinds" }))).map((it) => it.value);
    assert.deepEqual(values.map((it) => it.case), ["number", "count", "text", "raw", "histogram"]);
    assert.equal(values[1].value, -(2n ** 63n));
    assert.deepEqual([...values[3].value], [0x00, 0xff, 0x80]);
    assert.deepEqual(values[4].value.buckets.map((it) => it.upperBound), [1.5, Infinity]);
    assert.equal(values[4].value.buckets[0].count, 2n ** 64n - 1n);
  },

  async "client streams are summed up"({ telemetry }) {
    const summary = await telemetry.upload(points("a", [1.5, -2, 3]));
    assert.equal(summary.accepted, 3n);
    assert.deepEqual([summary.minimum, summary.maximum], [-2, 3]);
    assert.deepEqual(summary.acceptedBySeries, { a: 3n });
  },

  async "bidirectional streams answer each message at once"({ telemetry }) {
    let ask;
    const questions = (async function* () {
      for (const limit of [1, 2, 3]) {
        yield { series: `s${limit}`, limit };
        await new Promise((resolve) => (ask = resolve));
      }
    })();
    const seen = [];
    for await (const point of telemetry.tail(questions)) {
      seen.push([point.series, point.value.value]);
      ask();
    }
    assert.deepEqual(seen, [["s1", 1n], ["s2", 2n], ["s3", 3n]]);
  },

  async "unary calls fail"({ telemetry }) {
    const error = await failsWith(Code.InvalidArgument, telemetry.latest({ series: "error" }));
    assert.equal(error.rawMessage, ERROR_MESSAGE);
  },

  async "streams fail after messages"({ telemetry }) {
    const seen = [];
    const error = await failsWith(
      Code.InvalidArgument,
      (async () => {
        for await (const point of telemetry.watch({ series: "error" })) seen.push(point);
      })(),
    );
    assert.equal(error.rawMessage, ERROR_MESSAGE);
    assert.equal(seen.length, 2);
  },

  async "other streams fail at once"({ telemetry }) {
    await failsWith(Code.InvalidArgument, telemetry.upload(points("error", [1])));
    const queries = (async function* () {
      yield { series: "error" };
    })();
    await failsWith(Code.InvalidArgument, all(telemetry.tail(queries)));
  },

  async "metadata comes back"({ telemetry }) {
    const value = "first; value, with = and";
    for (const call of [
      (options) => telemetry.latest({ series: "a" }, options),
      (options) => all(telemetry.watch({ series: "a", limit: 1 }, options)),
    ]) {
      let [header, trailer] = [];
      await call({
        headers: { "x-request": value, "x-request-bin": "AP8" },
        onHeader: (it) => (header = it),
        onTrailer: (it) => (trailer = it),
      });
      assert.equal(header.get("x-initial"), value);
      assert.equal(header.get("x-initial-bin"), "AP8");
      assert.equal(trailer.get("x-trailing"), value);
      assert.equal(trailer.get("x-trailing-bin"), "AP8");
    }
    const failed = telemetry.latest({ series: "error" }, { headers: { "x-request": value } });
    assert.equal((await failsWith(Code.InvalidArgument, failed)).metadata.get("x-trailing"), value);
  },

  async "deadlines end calls"({ telemetry }) {
    const options = { timeoutMs: 200 };
    await failsWith(Code.DeadlineExceeded, telemetry.latest({ series: "slow" }, options));
    await failsWith(Code.DeadlineExceeded, all(telemetry.watch({ series: "slow" }, options)));
  },

  async "cancelled calls are dropped"(peer) {
    const controller = new AbortController();
    const name = `connect-${process.pid}-${++names}`;
    const query = { series: "endless", labels: { call: name } };
    const stream = peer.telemetry.watch(query, { signal: controller.signal });
    await failsWith(
      Code.Canceled,
      (async () => {
        for await (const _ of stream) controller.abort();
      })(),
    );
    await peer.becomes(name, "dropped");
  },

  async "large messages come over"({ telemetry }) {
    const limit = 1 << 20;
    assert.equal((await telemetry.latest({ series: "large", limit })).value.value.length, limit);
  },

  async "a compression that is not accepted is refused"({ compressing }) {
    const error = await failsWith(Code.Unimplemented, compressing.add({ a: 5, b: 3 }));
    assert.equal(error.metadata.get("accept-encoding"), "identity");
  },

  async "all types come back"({ mirror }) {
    const everything = { double: -Infinity, int64: -5n, present: 0, choice: { case: "text", value: "" } };
    const seen = await mirror.reflect(everything);
    assert.deepEqual([seen.double, seen.int64, seen.present], [-Infinity, -5n, 0]);
    assert.deepEqual(seen.choice, everything.choice);
    assert.deepEqual((await mirror.reflectLegacy({ id: 5 })).id, 5);
    assert.deepEqual((await mirror.reflectEdition({ required: 5, explicit: 0 })).explicit, 0);
  },
};

const plain = { acceptCompression: [] };
let passed = true;
for (const [kind, options] of [
  ["protobuf", { ...plain, useBinaryFormat: true }],
  ["JSON", { ...plain, useBinaryFormat: false }],
  ["compressed protobuf", { ...gzip, useBinaryFormat: true }],
  ["compressed JSON", { ...gzip, useBinaryFormat: false }],
  ["protobuf in GET", { ...plain, useBinaryFormat: true, useHttpGet: true }],
  ["JSON in GET", { ...plain, useBinaryFormat: false, useHttpGet: true }],
]) {
  const peer = new Peer(options);
  for (const [name, check] of Object.entries(CHECKS)) {
    const late = sleep(TIME_LIMIT).then(() => assert.fail(`takes more than ${TIME_LIMIT} ms`));
    late.catch(() => {});
    try {
      await Promise.race([check(peer), late]);
      console.log(`ok connect in ${kind} ${name}`);
    } catch (error) {
      passed = false;
      console.log(`FAILED connect in ${kind} ${name}: ${error.stack}`);
    }
  }
}
process.exit(passed ? 0 : 1);
