#!/usr/bin/env bash
# Runs the interop checks of README.md; needs Rust, and Python 3.11 or newer with pip.
set -euo pipefail
cd "$(dirname "$0")"

[ -d .venv ] || python3 -m venv .venv
.venv/bin/pip install --quiet --requirement python/requirements.txt
cargo build --quiet --package interop
exec .venv/bin/python run.py
