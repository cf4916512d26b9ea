#!/usr/bin/env bash
# The plugin under Debian's protoc: the same bytes as under the vendored one, and code that
# compiles in a crate which has nothing but the runtime.
#
# Needs the Debian packages protobuf-compiler and libprotobuf-dev.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
crate=$(mktemp -d)
trap 'rm -r "$crate"' EXIT
cd "$root"

main() {
    cargo build --quiet --package rust-scaffold-build
    local debian vendored
    debian=$(debian_protoc)
    vendored=$(vendored_protoc)
    generate "$debian" "$crate/src"
    generate "$vendored" "$crate/vendored"
    diff --recursive "$crate/src" "$crate/vendored"
    echo "Debian's protoc and the vendored one: the same bytes"

    write_crate
    cargo check --quiet --manifest-path "$crate/Cargo.toml"
    echo "The generated code compiles in an otherwise empty crate"
}

# generate PROTOC DIRECTORY
generate() {
    mkdir "$2"
    "$1" --version
    "$1" --plugin="$CARGO_TARGET_DIR/debug/protoc-gen-rust-scaffold" \
        --rust-scaffold_out="$2" --rust-scaffold_opt=include_file=contracts.rs \
        --proto_path=proto calculator.proto greeter.proto telemetry.proto
}

debian_protoc() {
    dpkg --search /usr/bin/protoc | grep --quiet '^protobuf-compiler:'
    echo /usr/bin/protoc
}

# The one that the build helper brings along, in a package for each kind of machine.
vendored_protoc() {
    local architecture
    case $(uname -m) in
        aarch64) architecture=aarch_64 ;;
        *) architecture=$(uname -m) ;;
    esac
    cargo metadata --format-version 1 | python3 -c '
import json, pathlib, sys

name = f"protoc-bin-vendored-linux-{sys.argv[1]}"
packages = json.load(sys.stdin)["packages"]
manifest = next(package["manifest_path"] for package in packages if package["name"] == name)
print(pathlib.Path(manifest).parent / "bin" / "protoc")
' "$architecture"
}

write_crate() {
    cp Cargo.lock "$crate"
    cat > "$crate/Cargo.toml" <<EOF
[package]
name = "empty"
edition = "2024"

[dependencies]
rust-scaffold.path = "$root/runtime"

[workspace]
EOF
    cat > "$crate/src/lib.rs" <<'EOF'
#![deny(warnings)]

pub mod tree {
    include!("contracts.rs");
}

pub mod calculator {
    include!("calculator.rs");
}

pub mod greeter {
    include!("greeter.rs");
}

pub mod telemetry {
    include!("telemetry.rs");
}
EOF
}

main
