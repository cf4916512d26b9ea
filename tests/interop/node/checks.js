// The client: every check of a server that serves the scenarios, as far as grpc-js has what it
// takes; run.py lists the others.

import assert from "node:assert/strict";

import grpc from "@grpc/grpc-js";

import {
  ERROR_DETAILS,
  ERROR_MESSAGE,
  calculator,
  greeter,
  kinds,
  telemetry,
} from "./contract.js";
import { relaying } from "./relay.js";

const TIME_LIMIT = 20_000;
const MEBIBYTE = 1 << 20;
const [MIN, MAX] = [-(2 ** 31), 2 ** 31 - 1];
const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** A unary call or a client stream that is being made. */
class Call {
  constructor(start) {
    this.result = new Promise((resolve, reject) => {
      this.call = start((error, message) => (error ? reject(error) : resolve(message)));
    });
    this.result.catch(() => {});
    watch(this);
  }
}

/** A call with a stream of responses that is being made. */
class Stream {
  constructor(call) {
    this.call = call;
    this.messages = [];
    this.wake = () => {};
    call.on("data", (message) => this.wake(this.messages.push(message)));
    call.on("error", (error) => (this.error = error));
    watch(this);
    // The last messages may come behind it.
    this.status.then(() => setTimeout(() => this.wake((this.ended = true)), 10));
  }

  /** The next message, or nothing at the end; what came before an error comes first. */
  async next() {
    for (;;) {
      if (this.messages.length > 0) return this.messages.shift();
      if (this.ended && this.error) throw this.error;
      if (this.ended) return undefined;
      await new Promise((resolve) => (this.wake = resolve));
    }
  }

  async all() {
    const all = [];
    for (let next; (next = await this.next()); ) all.push(next);
    return all;
  }
}

function watch(made) {
  made.initial = new Promise((resolve) => made.call.on("metadata", resolve));
  made.status = new Promise((resolve) => made.call.on("status", resolve));
}

export class Peer {
  constructor(address, { credentials = grpc.credentials.createInsecure(), ...options } = {}) {
    this.address = address;
    this.calculator = new calculator.Calculator(address, credentials, options);
    this.telemetry = new telemetry.Telemetry(address, credentials, options);
    this.greeter = new greeter.Greeter(address, credentials, options);
  }

  close() {
    [this.calculator, this.telemetry, this.greeter].forEach((client) => client.close());
  }

  unary(client, method, request, { metadata = new grpc.Metadata(), ...options } = {}) {
    return new Call((done) => client[method](request, metadata, options, done));
  }

  latest(query, options) {
    return this.unary(this.telemetry, "Latest", query, options);
  }

  watch(query, { metadata = new grpc.Metadata(), ...options } = {}) {
    return new Stream(this.telemetry.Watch(query, metadata, options));
  }

  upload(metadata = new grpc.Metadata()) {
    return new Call((done) => this.telemetry.Upload(metadata, done));
  }

  tail(metadata = new grpc.Metadata()) {
    return new Stream(this.telemetry.Tail(metadata));
  }

  /** Waits until the call that is named has reached the state. */
  async becomes(name, state) {
    let seen;
    for (let tries = 0; tries < 200; tries++) {
      seen = (await this.latest({ series: "state", labels: { call: name } }).result).text;
      if (seen === state) return;
      await sleep(25);
    }
    assert.fail(`call ${name} is ${seen}, not ${state}`);
  }

  /** The same server through a relay. */
  throughRelay(use, options) {
    return relaying(this.address, async (relay) => {
      const peer = new Peer(relay.address, options);
      try {
        await use(peer, relay);
      } finally {
        peer.close();
      }
    });
  }
}

let names = 0;

/** A query whose call has a name that no other has. */
function named(series, limit = 0) {
  const name = `node-${++names}`;
  return [name, { series, limit, labels: { call: name } }];
}

function upload(peer, points, metadata) {
  const made = peer.upload(metadata);
  points.forEach((point) => made.call.write(point));
  made.call.end();
  return made;
}

export async function failsWith(code, promise) {
  const error = await promise.then(() => assert.fail(`succeeded instead of ${code}`), (it) => it);
  assert.equal(error.code, code, error);
  return error;
}

async function isTheError(promise) {
  const error = await failsWith(grpc.status.INVALID_ARGUMENT, promise);
  assert.equal(error.details, ERROR_MESSAGE);
  assert.deepEqual(error.metadata.get("grpc-status-details-bin"), [ERROR_DETAILS]);
}

const TEXT = ['first; value, with = and "quotes"', "second value"];
const BINARY = [Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), Buffer.alloc(0)];

function request() {
  const metadata = new grpc.Metadata();
  TEXT.forEach((value) => metadata.add("x-request", value));
  BINARY.forEach((value) => metadata.add("x-request-bin", value));
  return metadata;
}

function hasValues(metadata, key) {
  // Node joins what comes several times; gRPC's own separator is the comma, too.
  assert.deepEqual(metadata.get(key).join(", "), TEXT.join(", "));
  assert.deepEqual(metadata.get(`${key}-bin`), BINARY);
}

async function comesBack(made) {
  hasValues(await made.initial, "x-initial");
  hasValues((await made.status).metadata, "x-trailing");
}

const CALLS = {
  async "numbers are added and subtracted"(peer) {
    for (const [a, b] of [[5, 3], [-5, 3], [0, 0], [MAX, 0], [MIN, MAX], [MIN, 0]]) {
      const { result } = await peer.unary(peer.calculator, "Add", { a, b }).result;
      assert.equal(result, a + b);
    }
    for (const [a, b] of [[10, 4], [-10, -4], [4, 10], [MIN, 0], [-1, MAX], [-1, MIN]]) {
      const { result } = await peer.unary(peer.calculator, "Subtract", { a, b }).result;
      assert.equal(result, a - b);
    }
  },

  async "a hundred calls run at once"(peer) {
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    const calls = numbers.map((a) => peer.unary(peer.calculator, "Add", { a, b: 1 }).result);
    assert.deepEqual((await Promise.all(calls)).map(({ result }) => result - 1), numbers);
  },

  async "unary calls are answered"(peer) {
    const query = { series: "room", labels: { floor: "2", größe: "1 µm" } };
    for (const method of ["Latest", "Last"]) {
      const point = await peer.unary(peer.telemetry, method, query).result;
      const { series, labels, number, quality } = point;
      const expected = { ...query, number: 21.5, quality: "QUALITY_GOOD" };
      assert.deepEqual({ series, labels, number, quality }, expected);
    }
  },

  async "every kind of value arrives"(peer) {
    const points = await peer.watch({ series: "kinds" }).all();
    assert.deepEqual(points.map(({ value, ...point }) => point), kinds);
  },

  async "server streams arrive in order"(peer) {
    const points = await peer.watch({ series: "counts", limit: 1000 }).all();
    assert.deepEqual(points.map(({ count }) => Number(count)), [...Array(1000).keys()]);
    assert.deepEqual(await peer.watch({ series: "counts", limit: 0 }).all(), []);
  },

  async "client streams are summed up"(peer) {
    const points = Array.from({ length: 1000 }, (_, index) => {
      const n = index - 500;
      return { series: n % 2 === 0 ? "even" : "odd", number: n / 2, time: { seconds: n } };
    });
    const summary = await upload(peer, points).result;
    assert.equal(summary.accepted, "1000");
    assert.deepEqual(summary.accepted_by_series, { even: "500", odd: "500" });
    assert.deepEqual([summary.minimum, summary.maximum], [-250, 249.5]);
    assert.equal(summary.span.seconds, "999");
  },

  async "empty client streams are answered"(peer) {
    const summary = await upload(peer, []).result;
    assert.equal(summary.accepted, "0");
    assert.equal(summary.span, null);
  },

  async "bidirectional streams play ping pong"(peer) {
    const tail = peer.tail();
    for (let n = 0; n < 100; n++) {
      tail.call.write({ series: "ball", limit: n });
      assert.equal(Number((await tail.next()).count), n);
    }
    tail.call.end();
    assert.equal(await tail.next(), undefined);
  },

  async "empty bidirectional streams end"(peer) {
    const tail = peer.tail();
    tail.call.end();
    assert.deepEqual(await tail.all(), []);
  },
};

const OTHERS = {
  async "metadata of unary calls"(peer) {
    const call = peer.latest({ series: "room" }, { metadata: request() });
    await call.result;
    await comesBack(call);
  },

  async "metadata of server streams"(peer) {
    const call = peer.watch({ series: "counts", limit: 2 }, { metadata: request() });
    assert.equal((await call.all()).length, 2);
    await comesBack(call);
  },

  async "metadata of client streams"(peer) {
    const call = upload(peer, [{ series: "room" }], request());
    await call.result;
    await comesBack(call);
  },

  async "metadata of bidirectional streams"(peer) {
    const call = peer.tail(request());
    call.call.end({ series: "ball" });
    assert.equal((await call.all()).length, 1);
    await comesBack(call);
  },

  async "metadata of errors"(peer) {
    const call = peer.latest({ series: "error" }, { metadata: request() });
    const error = await failsWith(grpc.status.INVALID_ARGUMENT, call.result);
    hasValues(error.metadata, "x-trailing");
  },

  async "overflow is out of range"(peer) {
    const overflows = [["Add", MAX, 1], ["Add", MIN, -1], ["Subtract", 0, MIN]];
    for (const [method, a, b] of overflows) {
      const call = peer.unary(peer.calculator, method, { a, b });
      await failsWith(grpc.status.OUT_OF_RANGE, call.result);
    }
  },

  "unary calls fail with message and details": (peer) =>
    isTheError(peer.latest({ series: "error" }).result),

  async "client streams fail before they end"(peer) {
    const call = peer.upload();
    call.call.write({ series: "error" });
    await isTheError(call.result);
  },

  async "bidirectional streams fail after messages"(peer) {
    const tail = peer.tail();
    tail.call.write({ series: "ball", limit: 7 });
    assert.equal(Number((await tail.next()).count), 7);
    tail.call.write({ series: "error" });
    await isTheError(tail.next());
  },

  async "unknown methods are unimplemented"(peer) {
    const bytes = (message) => message;
    const call = new Call((done) =>
      peer.calculator.makeUnaryRequest(
        "/calculator.Calculator/Multiply",
        bytes,
        bytes,
        Buffer.alloc(0),
        done,
      ),
    );
    await failsWith(grpc.status.UNIMPLEMENTED, call.result);
  },

  "unknown services are unimplemented": (peer) =>
    failsWith(
      grpc.status.UNIMPLEMENTED,
      peer.unary(peer.greeter, "SayHello", { name: "you" }).result,
    ),

  async "expired deadline of a unary call"(peer) {
    const [name, query] = named("slow");
    const call = peer.latest(query, { deadline: Date.now() + 500 });
    await failsWith(grpc.status.DEADLINE_EXCEEDED, call.result);
    await peer.becomes(name, "dropped");
  },

  async "expired deadline in the midst of a stream"(peer) {
    const [name, query] = named("slow");
    const watch = peer.watch(query, { deadline: Date.now() + 1000 });
    assert.equal(Number((await watch.next()).count), 0);
    await failsWith(grpc.status.DEADLINE_EXCEEDED, watch.next());
    await peer.becomes(name, "dropped");
  },

  async "each side keeps the deadline when the network is silent"(peer) {
    const [name, query] = named("slow");
    await peer.throughRelay(async (relayed, relay) => {
      const call = relayed.latest(query, { deadline: Date.now() + 2000 });
      await peer.becomes(name, "running");
      relay.silent = true;
      await failsWith(grpc.status.DEADLINE_EXCEEDED, call.result);
      await peer.becomes(name, "dropped");
    });
  },

  async "deadlines that hold change nothing"(peer) {
    const [name, query] = named("room");
    await peer.latest(query, { deadline: Date.now() + 10_000 }).result;
    await peer.becomes(name, "finished");
  },

  async "cancelled unary calls are dropped"(peer) {
    const [name, query] = named("slow");
    const { call } = peer.latest(query);
    await peer.becomes(name, "running");
    call.cancel();
    await peer.becomes(name, "dropped");
  },

  async "cancelled server streams are dropped"(peer) {
    const [name, query] = named("endless");
    const watch = peer.watch(query);
    for (const count of [0, 1, 2]) assert.equal(Number((await watch.next()).count), count);
    watch.call.cancel();
    await peer.becomes(name, "dropped");
  },

  "requests are compressed with gzip": (peer) =>
    peer.throughRelay(
      async (relayed, relay) => {
        const zeros = { series: "zeros", raw: Buffer.alloc(MEBIBYTE) };
        const summary = await upload(relayed, [zeros, zeros]).result;
        assert.equal(summary.accepted, "2");
        assert.ok(relay.sent < 64 * 1024, `${relay.sent} bytes`);
      },
      { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip },
    ),

  "responses are compressed with gzip": (peer) =>
    peer.throughRelay(async (relayed, relay) => {
      const point = await relayed.latest({ series: "large", limit: MEBIBYTE }).result;
      assert.equal(point.raw.length, MEBIBYTE);
      assert.ok(relay.received < 64 * 1024, `${relay.received} bytes`);
    }),
};

const SIZES = {
  async "large messages arrive"(peer) {
    const point = await peer.latest({ series: "large", limit: 3 * MEBIBYTE }).result;
    assert.deepEqual(point.raw, Buffer.alloc(3 * MEBIBYTE));
    const summary = await upload(peer, [{ series: "large", raw: point.raw }]).result;
    assert.equal(summary.accepted, "1");
  },

  "responses over the limit are refused by the client": (peer) =>
    failsWith(
      grpc.status.RESOURCE_EXHAUSTED,
      peer.latest({ series: "large", limit: 5 * MEBIBYTE }).result,
    ),

  "requests over the limit are refused by the server": (peer) =>
    failsWith(
      grpc.status.RESOURCE_EXHAUSTED,
      upload(peer, [{ series: "large", raw: Buffer.alloc(5 * MEBIBYTE) }]).result,
    ),
};

/** Prints a line for each check; true when all have passed. */
export const check = (address) => checkEach(address, { ...CALLS, ...OTHERS, ...SIZES });

/** The same of calls and sizes alone: what is below them may differ. */
export const checkCallsAndSizes = (address, options) =>
  checkEach(address, { ...CALLS, ...SIZES }, options);

async function checkEach(address, checks, options) {
  let passed = true;
  for (const [name, run] of Object.entries(checks)) {
    const peer = new Peer(address, options);
    passed &= await report(name, () => run(peer));
    peer.close();
  }
  return passed;
}

/** Runs a check, and prints what it has come to; true when it has passed. */
export async function report(name, run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it takes too long")), TIME_LIMIT);
  });
  try {
    await Promise.race([run(), late]);
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    console.log(`FAILED ${name}: ${String(error.stack ?? error).replaceAll("\n", " ")}`);
    return false;
  } finally {
    clearTimeout(timer);
  }
}
