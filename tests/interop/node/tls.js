// TLS, with a certificate of the server's (`tls`) or of both sides (`mtls`); see ../src/tls.rs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import grpc from "@grpc/grpc-js";

import { Peer, checkCallsAndSizes, failsWith, report } from "./checks.js";

/** Whom a server sees by the certificate of `client`. */
const CLIENT = "spiffe://example.org/client";

const reading = (folder) => (name) => readFileSync(join(folder, name));

export function serverCredentials(kind, folder) {
  const read = reading(folder);
  const pair = { private_key: read("server.key"), cert_chain: read("server.crt") };
  const ca = kind === "mtls" ? read("ca.crt") : null;
  return grpc.ServerCredentials.createSsl(ca, [pair], kind === "mtls");
}

/** What a client tries, and what comes of it: whom the server has seen, if anybody, or a refusal. */
function attempts(kind, folder) {
  const read = reading(folder);
  const trusting = (ca, client) => {
    const pair = client ? [read(`${client}.key`), read(`${client}.crt`)] : [];
    return { credentials: grpc.credentials.createSsl(read(`${ca}.crt`), ...pair) };
  };
  const otherName = { "grpc.ssl_target_name_override": "other.example" };
  if (kind === "tls") {
    return [
      ["tls with the certificate of the server", trusting("ca"), { seen: [] }],
      ["tls of an unknown ca is refused", trusting("other"), "refused"],
      ["tls with another name is refused", { ...trusting("ca"), ...otherName }, "refused"],
    ];
  }
  const client = trusting("ca", "client");
  return [
    ["mtls with both certificates", client, { seen: [CLIENT] }],
    ["mtls without a client certificate is refused", trusting("ca"), "refused"],
    ["mtls with a client of an unknown ca is refused", trusting("ca", "stranger"), "refused"],
    ["mtls of an unknown ca is refused", trusting("other", "client"), "refused"],
    ["mtls with another name is refused", { ...client, ...otherName }, "refused"],
  ];
}

/** Prints a line for each check; true when all have passed. */
export async function checkTls(address, kind, folder) {
  let passed = true;
  for (const [name, options, expected] of attempts(kind, folder)) {
    const peer = new Peer(address, options);
    passed &= await report(name, async () => {
      const call = peer.unary(peer.calculator, "Add", { a: 5, b: 3 });
      if (expected === "refused") return failsWith(grpc.status.UNAVAILABLE, call.result);
      assert.equal((await call.result).result, 8);
      assert.deepEqual((await call.initial).get("x-peer"), expected.seen);
    });
    peer.close();
  }
  // The first one has what it takes.
  const [[, options]] = attempts(kind, folder);
  return (await checkCallsAndSizes(address, options)) && passed;
}
