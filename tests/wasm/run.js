// run.js WASM MESSAGES: runs a program for wasm32-unknown-unknown, whose exit code is to be MESSAGES.
"use strict";

const [, , path, messages] = process.argv;
const bytes = require("fs").readFileSync(path);
// What it imports it cannot have: there is no system.
WebAssembly.instantiate(bytes, {}).then(({ instance }) => {
  const code = instance.exports.main(0, 0);
  if (code !== Number(messages)) {
    throw new Error(`${code} messages came through, not ${messages}`);
  }
  console.log(`${code} messages came through`);
}).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
