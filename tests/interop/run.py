"""Runs every pair of client and server and counts the checks; see README.md."""

import itertools
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "python"))

import chain  # noqa: E402
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
# What is served and checked over TLS, with the certificates in a folder: with those of clients, and with tokens.
SECURE = ["tls", "auth"]


def secure_server(peer, kind, folder):
    if peer == "rust":
        return [*PEERS["rust"], "serve", kind, folder]
    return [sys.executable, str(HERE / "python" / f"{kind}.py"), "serve", folder]


def secure_client(peer, kind, address, folder):
    if peer == "rust":
        return [*PEERS["rust"], "check", address, kind, folder]
    return [sys.executable, str(HERE / "python" / f"{kind}.py"), "check", address, folder]


# How each is a service in a chain.
LINKS = {
    "rust": [*PEERS["rust"], "chain"],
    "python": [sys.executable, str(HERE / "python" / "chain.py")],
}
# gRPC's C core rounds timeouts to a hundredth.
ROUNDING = {"rust": 1, "python": 1.02}
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
    results = run_stopping_checks("own_services.py", "a watch does not keep a server that was stopped")
    passed += sum(results.values())
    failed += len(results) - sum(results.values())

    print("\npython client, a rust server that is stopped", flush=True)
    results = run_stopping_checks("shutdown.py", "a server that was stopped by force has not failed")
    passed += sum(results.values())
    failed += len(results) - sum(results.values())

    for kind, client, server in itertools.product(SECURE, ["rust", "python"], ["rust", "python"]):
        print(f"\n{client} client, {server} server, with {kind}", flush=True)
        results = run_secure_checks(kind, client, server)
        passed += sum(results.values())
        failed += len(results) - sum(results.values())

    for second, last in itertools.product(LINKS, repeat=2):
        print(f"\npython client, {second} service, {last} service", flush=True)
        results = run_chain_checks(second, last)
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


def run_stopping_checks(script, end):
    """They stop the server in the end, while calls are in progress."""
    with started([*PEERS["rust"], "serve"]) as (server, address):
        script = str(HERE / "python" / script)
        results = results_of([sys.executable, script, address, str(server.pid)])
        try:
            results[end] = server.wait(timeout=60) == 0
        except subprocess.TimeoutExpired:
            results[end] = False
        print("ok" if results[end] else "FAILED", end, flush=True)
        return results


def run_chain_checks(second, last):
    with started(LINKS[last]) as (end, address):
        with started([*LINKS[second], address]) as (link, address):
            return chain.check(address, ROUNDING[second], link.stdout, end.stdout)


def run_secure_checks(kind, client, server):
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        with running(secure_server(server, kind, folder)) as address:
            return results_of(secure_client(client, kind, address, folder))


def make_certificates(folder):
    """Two CAs, and the certificates that the first one has issued to a server and to a client."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name, arguments in {
        "ca": [],
        "other": [],
        "server": ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"],
        "client": ["-CA", "ca.crt", "-CAkey", "ca.key"],
    }.items():
        if "-CA" in arguments:
            arguments = [*arguments, "-addext", "basicConstraints=critical,CA:FALSE"]
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        subprocess.run([*make, *files, *arguments], cwd=folder, check=True, capture_output=True)


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


def serving(peer, *address):
    return running([*PEERS[peer], "serve", *address])


@contextmanager
def running(command):
    """The address of a server that is terminated in the end."""
    with started(command) as (_, address):
        yield address


@contextmanager
def started(command):
    """A server that is terminated in the end, if it is still there, and its address."""
    server = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline().strip()
        if not line.startswith(LISTENING):
            sys.exit(f"{' '.join(command)} says {line!r} instead of its address")
        yield server, line.removeprefix(LISTENING)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
