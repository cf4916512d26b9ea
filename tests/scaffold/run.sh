#!/usr/bin/env bash
# What `cargo scaffold new` writes builds without a warning, passes its tests, serves and calls: from an empty folder, for
# the protos of the examples and some harder ones. With the dependencies of the workspace, and in its target directory.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
CARGO_TARGET_DIR=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR CARGO_NET_OFFLINE=true RUST_BACKTRACE=0
python=$repository/tests/interop/.venv/bin/python
scaffold=$CARGO_TARGET_DIR/debug/cargo-scaffold
scratch=$(mktemp -d)
server=
# What the names of programs and packages start with in a workspace.
prefix=
trap '[ -z "$server" ] || kill "$server"; rm -r "$scratch"' EXIT

main() {
    cargo build --quiet --package rust-scaffold-build --bin cargo-scaffold
    written calculator proto/calculator.proto
    says 'Unimplemented: not implemented yet' client add --a 5 --b 3
    # What the example has for an implementation fits.
    sed '/^#\[cfg(test)\]/,$d; s/^use crate::/use crate::proto::calculator::/' \
        "$repository/examples/calculator/src/service.rs" > src/services/calculator.rs
    restart
    says '{"result":8}' client add --a 5 --b 3
    says '{"result":-8}' client add --json '{"a": -5, "b": "-3"}'
    says '{"result":8}' curl --silent --show-error --write-out '\n' --data '{"a": 5, "b": 3}' \
        --header 'content-type: application/json' "$address/calculator.Calculator/Add"
    says 'OutOfRange: 2147483647 + 1 does not fit in an int32' client add --a 2147483647 --b 1
    # The interop tests install gRPC for Python.
    [ ! -x "$python" ] || says $'Add Result: 8\nSubtract Result: 6' \
        "$python" "$repository/examples/calculator/python/client.py" --addr "${address#http://}"
    says 'InvalidArgument: a: expected int32, got "five"' client add --a five

    written greeter proto/greeter.proto
    says 'Unimplemented: not implemented yet' client say-hello --name Ada

    written telemetry proto/telemetry.proto
    says 'Unimplemented: not implemented yet' client watch --series room --limit 2
    says 'Unimplemented: not implemented yet' client upload --json '{"series": "a"}' --json '{"series": "b"}'
    says 'Unimplemented: not implemented yet' client tail
    says 'Unimplemented: not implemented yet' client last --json '{"maxAge": "1.5s"}'
    # The contract gains an rpc.
    sed --in-place 's/^service Telemetry {/&\n  rpc First(Query) returns (Point);/' proto/telemetry.proto
    "$scaffold" sync
    cargo test --quiet

    # Packages with dots, imports, and names that are keywords.
    written health runtime/proto/grpc/health/v1/health.proto -I runtime/proto
    written keywords tests/golden/keywords/input -I tests/golden/keywords/input
    # Names that the files have for something else, and such as would come to the same.
    written names tests/scaffold/names -I tests/scaffold/names
    says 'Unimplemented: not implemented yet' client user.group-list
    says 'Unimplemented: not implemented yet' client user-group.list
    says 'Unimplemented: not implemented yet' client proto-.echo --json '"text"'

    prefix=split-
    written split proto/calculator.proto --workspace
    says 'Unimplemented: not implemented yet' client add --a 5 --b 3
    stop
}

# written NAME PROTO… [OPTION…]: writes a package, looks at it as its own CI does, and serves it.
written() {
    stop
    cd "$repository"
    "$scaffold" new "$scratch/$1" --quiet --scaffold-path . --proto "${@:2}"
    cp Cargo.lock "$scratch/$1"
    cd "$scratch/$1"
    echo "$1"
    cargo fmt --check
    cargo clippy --quiet --all-targets -- -D warnings
    cargo test --quiet
    "$scaffold" sync --check ${prefix:+--package "${prefix}server"}
    restart
}

# Serves the package in this folder, on any free port.
restart() {
    stop
    cargo build --quiet
    ADDRESS=127.0.0.1:0 "$CARGO_TARGET_DIR/debug/${prefix}server" > "$scratch/server" 2> /dev/null &
    server=$!
    until grep --quiet 'serving on' "$scratch/server" 2> /dev/null; do
        kill -0 "$server"
        sleep 0.1
    done
    address=http://$(sed 's/serving on //' "$scratch/server")
}

stop() {
    [ -n "$server" ] || return 0
    kill "$server"
    wait "$server"
    server=
    rm "$scratch/server"
}

client() {
    "$CARGO_TARGET_DIR/debug/${prefix}client" --address "$address" "$@" 2>&1
}

# says TEXT COMMAND…: the command prints this and nothing else.
says() {
    echo "${*:2}"
    diff <(echo "$1") <("${@:2}")
}

main
