// The Node peer: serves the scenarios, or checks a server that does.

import grpc from "@grpc/grpc-js";

import { check } from "./checks.js";
import { serve } from "./server.js";
import { checkTls, serverCredentials } from "./tls.js";

const [command, ...rest] = process.argv.slice(2);
if (command === "serve" && rest.length === 0) {
  serve("127.0.0.1", grpc.ServerCredentials.createInsecure());
} else if (command === "serve" && rest.length === 2) {
  serve("localhost", serverCredentials(...rest));
} else if (command === "check" && rest.length === 1) {
  process.exit((await check(...rest)) ? 0 : 1);
} else if (command === "check" && rest.length === 3) {
  process.exit((await checkTls(...rest)) ? 0 : 1);
} else {
  console.error("serve [tls|mtls FOLDER], or check HOST:PORT [tls|mtls FOLDER]");
  process.exit(2);
}
