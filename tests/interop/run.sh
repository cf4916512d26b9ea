#!/usr/bin/env bash
# Runs the interop checks of README.md; needs Rust, Python 3.11 or newer with pip, Node with npm, openssl, curl,
# HAProxy, nginx, and what cpp/build.sh says.
set -euo pipefail
cd "$(dirname "$0")"

cpp/build.sh
[ -d .venv ] || python3 -m venv .venv
.venv/bin/pip install --quiet --requirement python/requirements.txt
npm ci --loglevel=error --prefix node > /dev/null
npm ci --loglevel=error --prefix mocks/node > /dev/null
cargo build --quiet --package interop --package interop-mocks

.venv/bin/python run.py
for client in ".venv/bin/python mocks/python/client.py" "node mocks/node/client.js"; do
    printf '\nmocks, called by %s\n' "${client%% *}"
    # Two words: the program and its script.
    # shellcheck disable=SC2086
    cargo run --quiet --package interop-mocks -- $client
done
