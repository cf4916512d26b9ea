#!/usr/bin/env bash
# Builds the C++ peer as build/peer, unless nothing has changed since.
set -euo pipefail
cd "$(dirname "$0")"

packages=(g++ libgrpc++-dev libprotobuf-dev pkg-config protobuf-compiler protobuf-compiler-grpc)
protos=../../../proto

main() {
    everything_is_there
    if [ -x build/peer ] && [ -z "$(find . "$protos" -newer build/peer -type f -not -path './build/*')" ]; then
        return
    fi
    mkdir --parents build
    protoc --proto_path="$protos" --cpp_out=build --grpc_out=build \
        --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" "$protos"/*.proto
    # As many at a time as there are processors, the longest first.
    printf '%s\n' checks/calls checks/ends scenarios checks services tls build/telemetry.pb peer \
        build/calculator.pb build/greeter.pb \
        | xargs --max-procs="$(nproc)" --replace={} bash -c 'compile "$1"' compile {}
    # shellcheck disable=SC2046
    g++ build/*.o $(pkg-config --libs grpc++ protobuf) -o build/peer
}

everything_is_there() {
    local program
    for program in g++ pkg-config protoc grpc_cpp_plugin; do
        command -v "$program" > /dev/null || packages_are_missing "$program"
    done
    pkg-config --exists grpc++ protobuf || packages_are_missing "grpc++ or protobuf for pkg-config"
}

# packages_are_missing WHAT
packages_are_missing() {
    echo "The C++ peer needs $1, of these Debian packages:" >&2
    echo "    apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
}

# compile SOURCE: its name without `.cc`.
compile() {
    # shellcheck disable=SC2046
    g++ -std=c++17 -O0 -Wall -Wextra -I. -isystem build $(pkg-config --cflags grpc++ protobuf) \
        -c "$1.cc" -o "build/${1//\//_}.o"
}
export -f compile

main
