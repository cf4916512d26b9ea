#!/usr/bin/env bash
# Has Chromium look at the explorer of a server and use it; needs Rust, Node with npm, curl and chromium.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --loglevel=error > /dev/null
cargo build --quiet --package browser
SERVER=$(realpath "${CARGO_TARGET_DIR:-../../target}")/debug/browser node --test --test-reporter=spec ./*.test.js
