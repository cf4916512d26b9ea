// The server: every behaviour in the table of ../README.md.

import grpc from "@grpc/grpc-js";

import { ERROR_DETAILS, ERROR_MESSAGE, calculator, kinds, telemetry } from "./contract.js";

const LONG = 30_000;
const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** What became of the calls that a client has named. */
const states = new Map();

/** Follows the call that the label `call` names, until it has ended. */
function follow(call, labels) {
  const name = labels.call;
  states.set(name, "running");
  call.on("cancelled", () => {
    if (states.get(name) === "running") states.set(name, "dropped");
  });
  return () => {
    if (states.get(name) === "running") states.set(name, "finished");
  };
}

/** grpc-js shows a cancelled stream as one that has ended; the cancellation follows it. */
function toTheEnd(call, end) {
  call.on("end", () => setTimeout(() => call.cancelled || end(), 50));
}

/** Sends the client's metadata back, and returns the trailers. */
function begin(call) {
  const [initial, trailing] = [new grpc.Metadata(), new grpc.Metadata()];
  for (const suffix of ["", "-bin"]) {
    for (const value of call.metadata.get(`x-request${suffix}`)) {
      initial.add(`x-initial${suffix}`, value);
      trailing.add(`x-trailing${suffix}`, value);
    }
  }
  call.sendMetadata(initial);
  return trailing;
}

function failure(trailers) {
  const metadata = trailers.clone();
  metadata.set("grpc-status-details-bin", ERROR_DETAILS);
  return { code: grpc.status.INVALID_ARGUMENT, details: ERROR_MESSAGE, metadata };
}

const inInt32 = (result, done) =>
  result === (result | 0)
    ? done(null, { result })
    : done({ code: grpc.status.OUT_OF_RANGE, details: `${result} does not fit in an int32` });

/** Sends the name in the client's certificate. */
function tellWhoCalls(call) {
  const identity = call.getAuthContext().sslPeerCertificate?.subjectaltname;
  if (!identity) return;
  const metadata = new grpc.Metadata();
  metadata.set("x-peer", identity.replace(/^URI:/, ""));
  call.sendMetadata(metadata);
}

const Calculator = {
  Add(call, done) {
    tellWhoCalls(call);
    inInt32(call.request.a + call.request.b, done);
  },
  Subtract: ({ request: { a, b } }, done) => inInt32(a - b, done),
};

async function Latest(call, done) {
  const trailers = begin(call);
  const { series, limit, labels } = call.request;
  if (series === "state") {
    return done(null, { text: states.get(labels.call) ?? "unknown" }, trailers);
  }
  const ended = follow(call, labels);
  if (series === "slow") await sleep(LONG);
  ended();
  if (series === "error") return done(failure(trailers));
  if (series === "large") return done(null, { raw: Buffer.alloc(limit) }, trailers);
  done(null, { series, labels, number: 21.5, quality: "QUALITY_GOOD" }, trailers);
}

/** How many points a series has. */
const length = ({ series, limit }) => ({ endless: Infinity, slow: 1, error: 2 })[series] ?? limit;

async function Watch(call) {
  const trailers = begin(call);
  const { series, labels } = call.request;
  const ended = follow(call, labels);
  if (series === "kinds") kinds.forEach((point) => call.write(point));
  const end = series === "kinds" ? 0 : length(call.request);
  for (let count = 0; count < end && !call.cancelled; count++) {
    call.write({ series, count });
    if (series === "endless") await sleep(10);
  }
  if (series === "slow") await sleep(LONG);
  ended();
  if (series === "error") return call.emit("error", failure(trailers));
  call.end(trailers);
}

function Upload(call, done) {
  const trailers = begin(call);
  const points = [];
  let ended = () => {};
  call.on("data", (point) => {
    if (points.length === 0) ended = follow(call, point.labels);
    points.push(point);
    if (points.length === 1 && point.series === "error") done(failure(trailers));
  });
  toTheEnd(call, () => {
    ended();
    if (points[0]?.series !== "error") done(null, summarise(points), trailers);
  });
}

const seconds = ({ time }) => Number(time.seconds) + time.nanos / 1e9;

function summarise(points) {
  const summary = { accepted: points.length, accepted_by_series: {} };
  for (const { series } of points) {
    summary.accepted_by_series[series] = (summary.accepted_by_series[series] ?? 0) + 1;
  }
  const numbers = points.filter(({ value }) => value === "number").map(({ number }) => number);
  if (numbers.length > 0) {
    summary.minimum = Math.min(...numbers);
    summary.maximum = Math.max(...numbers);
  }
  const times = points.filter(({ time }) => time).map(seconds);
  if (times.length > 0) {
    summary.span = { seconds: Math.trunc(Math.max(...times) - Math.min(...times)) };
  }
  return summary;
}

function Tail(call) {
  const trailers = begin(call);
  let ended;
  call.on("data", ({ series, limit, labels }) => {
    ended ??= follow(call, labels);
    if (series === "error") return call.emit("error", failure(trailers));
    if (!call.write({ series, count: limit })) {
      call.pause();
      call.once("drain", () => call.resume());
    }
  });
  toTheEnd(call, () => {
    ended?.();
    call.end(trailers);
  });
}

/** Serves on a free port of 127.0.0.1, which it prints as one of `host`. */
export function serve(host, credentials) {
  const server = new grpc.Server();
  server.addService(calculator.Calculator.service, Calculator);
  server.addService(telemetry.Telemetry.service, { Latest, Last: Latest, Watch, Upload, Tail });
  server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error) throw error;
    console.log(`listening on ${host}:${port}`);
  });
}
