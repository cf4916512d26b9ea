#!/usr/bin/env bash
# Runs the plugin under the real buf: in every layout, nothing is lost, and the files are those that
# protoc writes. It is asked what breaks, and calls a server without its protos. Needs Rust, Python with pip, and protoc.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD
example=$root/examples/buf
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

main() {
    [ -d tests/buf/.venv ] || python3 -m venv tests/buf/.venv
    tests/buf/.venv/bin/pip install --quiet --requirement tests/buf/requirements.txt
    cargo build --quiet --package rust-scaffold-build
    export PATH=${CARGO_TARGET_DIR:-$root/target}/debug:$root/tests/buf/.venv/bin:$PATH

    example_is_what_buf_generates
    by_protoc "$scratch/protoc" ""
    for strategy in directory all; do
        generate "$strategy" "" "$scratch/$strategy"
        same "strategy: $strategy" "$scratch/protoc" "$scratch/$strategy"
    done
    cleans
    with_imports
    managed
    torture
    # What the command says of the same cases is a test of codegen.
    tests/buf/.venv/bin/python tests/buf/breaking.py
    curl
}

# buf calls a server of which it has no proto: it asks for the descriptors.
curl() {
    cargo build --quiet --package interop
    # It prints its address.
    "${CARGO_TARGET_DIR:-$root/target}/debug/interop" serve > "$scratch/server" &
    trap "kill $!; rm -r '$scratch'" EXIT
    until grep --quiet --no-messages listening "$scratch/server"; do sleep 0.1; done
    local address protocol
    address=http://$(sed 's/^listening on //' "$scratch/server")
    for protocol in grpc-v1 grpc-v1alpha; do
        local ask=(buf curl --protocol grpc --http2-prior-knowledge --reflect-protocol "$protocol")
        "${ask[@]}" --data '{"a": 5, "b": 3}' "$address/calculator.Calculator/Add" > "$scratch/said"
        grep --quiet '"result": 8' "$scratch/said"
        "${ask[@]}" --list-methods "$address" > "$scratch/said"
        grep --quiet '^telemetry.Telemetry/Watch$' "$scratch/said"
        echo "buf curl, $protocol: called"
    done
    for protocol in connect grpc grpcweb; do
        # Over HTTP/2, and over HTTP/1.1 where the protocol has it.
        for version in --http2-prior-knowledge ""; do
            # A word, or none.
            # shellcheck disable=SC2086
            buf curl --protocol "$protocol" $version --schema proto --data '{"a": 5, "b": 3}' \
                "$address/calculator.Calculator/Add" > "$scratch/said"
            grep --quiet '"result": 8' "$scratch/said"
            echo "buf curl, $protocol $version: called"
        done
        buf curl --protocol "$protocol" --http2-prior-knowledge --schema proto \
            --data '{"series": "count/3", "limit": 3}' "$address/telemetry.Telemetry/Watch" > "$scratch/said"
        [ "$(grep --count '"series"' "$scratch/said")" = 3 ]
        echo "buf curl, $protocol: 3 messages"
    done
}

# The code of the example that is checked in.
example_is_what_buf_generates() {
    cp -r "$example" "$scratch/example"
    (cd "$scratch/example" && buf generate)
    same "examples/buf" "$example/src/generated" "$scratch/example/src/generated"
}

# What a run before has left behind goes.
cleans() {
    mkdir -p "$scratch/clean"
    touch "$scratch/clean/stale.rs"
    generate all "clean: true" "$scratch/clean"
    same "clean: true" "$scratch/protoc" "$scratch/clean"
}

# With the well-known types, for those who generate them, too.
with_imports() {
    local option="opt: compile_well_known_types"
    for strategy in directory all; do
        local out=$scratch/imports-$strategy
        generate "$strategy" "" "$out" "$option
    include_imports: true
    include_wkt: true"
        for file in common/money.rs google/protobuf/empty.rs google/protobuf/timestamp.rs; do
            [ -s "$out/$file" ] || { echo "include_imports, $strategy: no $file"; return 1; }
        done
    done
    same "include_imports, include_wkt" "$scratch/imports-directory" "$scratch/imports-all"
}

# Managed mode changes options that are none of ours: only the descriptors for reflection say them.
managed() {
    generate all "managed:
  enabled: true" "$scratch/managed"
    cp -r "$scratch/protoc" "$scratch/unmanaged"
    find "$scratch/unmanaged" "$scratch/managed" -name '*.rs' -exec sed -i '/^ *b"/d' {} +
    same "managed mode" "$scratch/unmanaged" "$scratch/managed"
}

# A seventh of the hostile protos, with the tree of modules.
torture() {
    local index=0 case
    for case in tests/torture/cases/*/; do
        index=$((index + 1))
        [ $((index % 7)) = 1 ] || continue
        local name by_protoc=$scratch/torture/protoc by_buf=$scratch/torture/buf
        name=$(basename "$case")
        rm -rf "$scratch/torture"
        mkdir -p "$by_protoc" "$by_buf"
        (cd "$case" && find . -name '*.proto' | sort | sed 's|^\./||') > "$scratch/files"
        # Some use what an older protoc or buf does not know; the tests have them with ours.
        # shellcheck disable=SC2046
        (cd "$case" && protoc -I. --rust-scaffold_out="include_file=mod.rs:$by_protoc" \
            $(cat "$scratch/files")) 2> "$scratch/said" || continue
        printf 'version: v2\nmodules:\n  - path: .\n' > "$scratch/buf.yaml"
        cat > "$scratch/buf.gen.yaml" <<< "version: v2
plugins:
  - local: protoc-gen-rust-scaffold
    out: $by_buf
    strategy: all
    opt: include_file=mod.rs"
        if buf generate --config "$scratch/buf.yaml" --template "$scratch/buf.gen.yaml" \
            "$root/$case" 2> "$scratch/said"; then
            same "torture, $name" "$by_protoc" "$by_buf"
        else
            echo "torture, $name: buf does not take it: $(head -c 200 "$scratch/said")"
        fi
    done
}

# generate STRATEGY TOP-LEVEL OUT [PLUGIN-OPTIONS]: buf on the protos of the example.
generate() {
    cat > "$scratch/buf.gen.yaml" <<< "version: v2
$2
plugins:
  - local: protoc-gen-rust-scaffold
    out: $3
    strategy: $1
    ${4:-}"
    (cd "$example" && buf generate --template "$scratch/buf.gen.yaml") 2>&1 | tee "$scratch/said"
    if grep --quiet duplicate "$scratch/said"; then
        echo "buf drops a file"
        return 1
    fi
}

# by_protoc OUT OPTIONS
by_protoc() {
    mkdir -p "$1"
    (cd "$example/proto" && protoc -I. --rust-scaffold_out="$2:$1" \
        common/money.proto shop/lines/line.proto shop/v1/shop.proto)
}

# same WHAT EXPECTED FOUND
same() {
    diff --recursive "$2" "$3"
    echo "$1: the same"
}

main
