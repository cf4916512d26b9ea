#!/usr/bin/env bash
# Messages alone, and clients over a foreign transport, need nothing that wasm does not have. Where
# the target wasm32-unknown-unknown is installed, they are compiled for it, and run where node is.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
# What asks for an operating system when it is compiled, or does not compile without one.
forbidden='^(mio|socket2|getrandom|libc) v'
# What tokio takes on wasm: <https://docs.rs/tokio/latest/tokio/#wasm-support>.
allowed='bytes default io-util macros pin-project-lite rt sync time tokio-macros'

main() {
    for features in "" client; do
        echo "without-sockets, features: ${features:-none}"
        cargo check --quiet --package without-sockets --features "$features"
        needs_no_system "$features"
        if [ -d "$(rustc --print target-libdir --target $target)" ]; then
            cargo build --quiet --package without-sockets --features "$features" --target $target
            echo "compiled for $target"
            runs "$features"
        fi
    done
    messages_are_alone
}

# runs FEATURES: a message is written and read, and where there are clients, one more comes by a call.
runs() {
    local messages=1
    if [ "$1" = client ]; then messages=2; fi
    if command -v node > /dev/null; then
        node tests/wasm/run.js "${CARGO_TARGET_DIR:-target}/$target/debug/round_trip.wasm" $messages
    fi
}

tree() {
    cargo tree --package without-sockets --target $target --edges normal --prefix none "$@" \
        | sort --unique
}

needs_no_system() {
    if tree --features "$1" | grep --extended-regexp "$forbidden"; then
        echo "that is not for $target"
        return 1
    fi
    local feature
    for feature in $(tree --features "$1" --no-dedupe --format '{p}: {f}' \
        | sed -n 's/^tokio v[^:]*: //p' | tr ',' ' '); do
        if [[ " $allowed " != *" $feature "* ]]; then
            echo "tokio's $feature is not for $target"
            return 1
        fi
    done
}

# Nothing of a transport is compiled for those who want messages.
messages_are_alone() {
    if tree | grep --extended-regexp '^(atomic-waker|h2|slab) v'; then
        echo "that is not for messages"
        return 1
    fi
}

main
