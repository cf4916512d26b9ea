"""Runs every pair of client and server and counts the checks; see README.md."""

import itertools
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {
    "rust": ["cargo", "run", "--quiet", "--package", "interop", "--"],
    "python": [sys.executable, str(HERE / "python" / "peer.py")],
    "node": ["node", str(HERE / "node" / "peer.js")],
}
# Python and Node show each other that a check is right by themselves.
PAIRS = [
    *itertools.product(["rust", "python"], repeat=2),
    ("rust", "node"),
    ("node", "rust"),
    ("node", "node"),
]
# What grpc-js does not have: its server sends plain messages only; its client always says that it
# accepts gzip, drops messages that come together with the status of a failure, and ends the requests
# of a call before it resets it, which a server may take for their end.
MISSING = {
    "client": {
        "node": {
            "responses are plain for clients without gzip",
            "server streams fail after messages",
            "cancelled client streams are dropped",
            "cancelled bidirectional streams are dropped",
        }
    },
    "server": {"node": {"responses are compressed with gzip"}},
}
LISTENING = "listening on "


def main():
    passed, failed = 0, 0
    checks = {}
    for client, server in PAIRS:
        print(f"\n{client} client, {server} server", flush=True)
        results = run_checks(client, server)
        for name in MISSING["server"].get(server, ()):
            results.pop(name, None)
        passed += sum(results.values())
        failed += len(results) - sum(results.values())
        checks.setdefault(client, set()).update(results)

    print("\npython client, rust server on a Unix socket", flush=True)
    results = run_unix_socket_checks()
    passed += sum(results.values())
    failed += len(results) - sum(results.values())

    print("\npython client, the rust server's own services", flush=True)
    results = run_own_services_checks()
    passed += sum(results.values())
    failed += len(results) - sum(results.values())

    for client, names in checks.items():
        missing = MISSING["client"].get(client, set())
        for name in sorted((checks["rust"] | checks["python"]) ^ (names | missing)):
            print(f"FAILED {name}: the {client} client does not check this, or nobody else does")
            failed += 1
    print(f"\n{passed} passed, {failed} failed")
    sys.exit(failed != 0)


def run_checks(client, server):
    """What each check has come to: `{name: passed}`."""
    with serving(server) as address:
        return results_of([*PEERS[client], "check", address])


def run_unix_socket_checks():
    with tempfile.TemporaryDirectory() as folder:
        with serving("rust", f"unix:{folder}/peer.sock") as address:
            return results_of([sys.executable, str(HERE / "python" / "unix_socket.py"), address])


def run_own_services_checks():
    """They stop the server in the end, while a watch of its health is open."""
    with started("rust") as (server, address):
        script = str(HERE / "python" / "own_services.py")
        results = results_of([sys.executable, script, address, str(server.pid)])
        name = "a watch does not keep a server that was stopped"
        try:
            results[name] = server.wait(timeout=60) == 0
        except subprocess.TimeoutExpired:
            results[name] = False
        print("ok" if results[name] else "FAILED", name, flush=True)
        return results


def results_of(command):
    results = {}
    checker = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    for line in checker.stdout:
        print(line, end="", flush=True)
        verdict, _, name = line.strip().partition(" ")
        if verdict in ("ok", "FAILED"):
            results[name.partition(":")[0]] = verdict == "ok"
    if checker.wait() != 0 and all(results.values()):
        print(f"FAILED the client itself: exit code {checker.returncode}")
        results["the client itself"] = False
    return results


@contextmanager
def serving(peer, *address):
    """The address of a server that is terminated in the end."""
    with started(peer, *address) as (_, address):
        yield address


@contextmanager
def started(peer, *address):
    """A server that is terminated in the end, if it is still there, and its address."""
    server = subprocess.Popen(
        [*PEERS[peer], "serve", *address], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline().strip()
        if not line.startswith(LISTENING):
            sys.exit(f"the {peer} server says {line!r} instead of its address")
        yield server, line.removeprefix(LISTENING)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
