// The Node peer: serves the scenarios (`serve`), or checks a server that does (`check HOST:PORT`).

import { check } from "./checks.js";
import { serve } from "./server.js";

const [command, address] = process.argv.slice(2);
if (command === "serve") {
  serve();
} else if (command === "check" && address) {
  process.exit((await check(address)) ? 0 : 1);
} else {
  console.error("serve, or check HOST:PORT");
  process.exit(2);
}
