#!/usr/bin/env bash
# Has Chromium use the explorer of a server, and the page of examples/browser; needs Rust, Node with npm, protoc, curl and
# chromium.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --loglevel=error > /dev/null
npm ci --loglevel=error --prefix ../../examples/browser/web > /dev/null
npm run --silent build --prefix ../../examples/browser/web
cargo build --quiet --package browser --package calls-from-a-browser
PROGRAMS=$(realpath "${CARGO_TARGET_DIR:-../../target}")/debug node --test --test-reporter=spec ./*.test.js
