"""Runs every pair of client and server and counts the checks; see README.md."""

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "python"))

import behind  # noqa: E402
import chain  # noqa: E402
import proxy  # noqa: E402
import reloads  # noqa: E402

PEERS = {
    "rust": ["cargo", "run", "--quiet", "--package", "interop", "--"],
    "python": [sys.executable, str(HERE / "python" / "peer.py")],
    "node": ["node", str(HERE / "node" / "peer.js")],
    "cpp": [str(HERE / "cpp" / "build" / "peer")],
}
# Those without Rust show that a check is right.
PAIRS = [
    *itertools.product(["rust", "python"], repeat=2),
    ("rust", "node"),
    ("node", "rust"),
    ("node", "node"),
    ("rust", "cpp"),
    ("cpp", "rust"),
    ("cpp", "cpp"),
]
# What is served and checked, and by whom.
KINDS = {
    "plaintext": PAIRS,
    "tls": PAIRS,
    "mtls": PAIRS,
    "auth": [*itertools.product(["rust", "python"], repeat=2)],
}
# Those that are tried with a proxy between them.
BEHIND_ENVOY = [("rust", "rust"), ("python", "rust"), ("rust", "python")]
# What grpc-js does not have: its server sends plain messages only; its client always says that it
# accepts gzip, drops messages that come together with the status of a failure, and ends the requests
# of a call before it resets it, which a server may take for their end. grpcio opens no plaintext channel
# for a call with a token. In C++ there is no relay: grpcio stands on the same core.
MISSING = {
    "client": {
        "node": {
            "responses are plain for clients without gzip",
            "server streams fail after messages",
            "cancelled client streams are dropped",
            "cancelled bidirectional streams are dropped",
        },
        "python": {"auth a token is not sent in plaintext"},
        "cpp": {
            "each side keeps the deadline when the network is silent",
            "requests are compressed with gzip",
            "responses are compressed with gzip",
            "responses are plain for clients without gzip",
        },
    },
    "server": {"node": {"responses are compressed with gzip"}},
}

# Who calls a server whose connections are closed when they are a second old.
AGED = {
    "python client": [sys.executable, str(HERE / "python" / "ages.py"), "ADDRESS", "synchronous"],
    "asynchronous python client": [sys.executable, str(HERE / "python" / "ages.py"), "ADDRESS", "asynchronous"],
    "node client": ["node", str(HERE / "node" / "ages.js"), "ADDRESS"],
}
# How each is a service in a chain.
LINKS = {
    "rust": [*PEERS["rust"], "chain"],
    "python": [sys.executable, str(HERE / "python" / "chain.py")],
}
# gRPC's C core rounds timeouts to a hundredth.
ROUNDING = {"rust": 1, "python": 1.02}
LISTENING = "listening on "


def in_a_network_of_its_own():
    """What runs a command in a network namespace: as any user where that is allowed, otherwise as root, if at all."""
    for command in (["unshare", "--map-root-user", "--net"], ["sudo", "-n", "unshare", "--net"]):
        if shutil.which(command[0]) and subprocess.run([*command, "ip", "link"], capture_output=True).returncode == 0:
            return command
    return None


IN_A_NETWORK_OF_ITS_OWN = in_a_network_of_its_own()


def main():
    outcomes = []
    checks = {kind: {} for kind in KINDS}

    def section(name, run, *arguments):
        print(f"\n{name}", flush=True)
        results = run(*arguments)
        outcomes.extend(results.values())
        return results

    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        for kind, client, server in [(kind, *pair) for kind in KINDS for pair in KINDS[kind]]:
            name = f"{client} client, {server} server, {kind}"
            results = section(name, run_pair, kind, client, server, folder)
            checks[kind].setdefault(client, set()).update(results)

        for client, server in BEHIND_ENVOY:
            name = f"{client} client, Envoy, {server} server"
            section(name, run_envoy_checks, client, server)

        for kind in ("plaintext", "tls"):
            section(f"curl over HTTP/1.1, rust server, {kind}", run_http1_checks, kind, folder)

        section("HAProxy and nginx, which tell a rust server who calls", run_client_address_checks, folder)

    section("Envoy, which asks a rust server for its health", run_envoy_health_checks)
    section("python client, rust server on a Unix socket", run_unix_socket_checks)
    for name, command in AGED.items():
        section(f"{name}, a rust server whose connections age", run_aging_checks, command)
    for name in reloads.PROXIES:
        section(f"rust client, {name}, rust server", run_reload_checks, name)
    if IN_A_NETWORK_OF_ITS_OWN:
        section("rust and python clients, rust server, a network that is cut", run_partition_checks)
    else:
        print("\nno network can be cut: unshare makes no network namespace here")
    section("python client, rust server, large transfers", run_beside_checks, "python")
    section("rust client, python server, large transfers", run_beside_checks, "rust")
    section("python client, what a rust process shows of itself", run_admin_checks)
    section("node and python clients of Connect, rust server", run_connect_checks)
    section("python client, random types of messages, rust server", run_types_checks)
    section("REST by a rust server, and by Envoy in front of it", run_rest_checks)
    for name, script, end in [
        (
            "python client, the rust server's own services",
            "own_services.py",
            "a watch does not keep a server that was stopped",
        ),
        (
            "python client, a rust server that is stopped",
            "shutdown.py",
            "a server that was stopped by force has not failed",
        ),
    ]:
        section(name, run_stopping_checks, script, end)
    for second, last in itertools.product(LINKS, repeat=2):
        name = f"python client, {second} service, {last} service"
        section(name, run_chain_checks, second, last)

    for client, name in not_as_listed(checks):
        print(f"FAILED {name}: the {client} client does not check this, or MISSING says that it does not")
        outcomes.append(False)
    passed = outcomes.count(True)
    print(f"\n{passed} passed, {len(outcomes) - passed} failed")
    sys.exit(passed != len(outcomes))


def not_as_listed(checks):
    """What a client leaves out that others check, and what MISSING says of it without need: `(client, name)`."""
    for by_client in checks.values():
        everything = set().union(*by_client.values())
        for client, names in by_client.items():
            missing = MISSING["client"].get(client, set()) & everything
            for name in sorted((everything - names) ^ missing):
                yield client, name


def run_pair(kind, client, server, folder):
    """What each check has come to: `{name: passed}`."""
    secure = [] if kind == "plaintext" else [kind, folder]
    with running([*PEERS[server], "serve", *secure]) as address:
        results = results_of([*PEERS[client], "check", address, *secure])
    for name in MISSING["server"].get(server, ()):
        results.pop(name, None)
    return results


def run_envoy_checks(client, server):
    with running([*PEERS[server], "serve"]) as address, proxy.in_front_of(address) as envoy:
        return results_of([*PEERS[client], "check", envoy.address])


def run_envoy_health_checks():
    results = {}
    with started([*PEERS["rust"], "serve"]) as (server, address):
        with proxy.in_front_of(address, checks_health=True) as envoy:
            results["a server that serves is taken for healthy"] = soon(envoy.takes_for_healthy)
            server.terminate()
            results["one that was stopped is not"] = soon(lambda: not envoy.takes_for_healthy())
    for name, passed in results.items():
        print("ok" if passed else "FAILED", name, flush=True)
    return results


def run_aging_checks(command):
    with running([*PEERS["rust"], "counting", "1000"]) as address:
        return results_of([part.replace("ADDRESS", address) for part in command])


def run_reload_checks(name):
    def start_client(address):
        command = [*PEERS["rust"], "load", address]
        return subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    age = reloads.PROXIES[name].age
    with running([*PEERS["rust"], "counting", *([age] if age else [])]) as server:
        return reloads.check(name, server, start_client)


def run_partition_checks():
    script = str(HERE / "python" / "partition.py")
    return results_of([*IN_A_NETWORK_OF_ITS_OWN, sys.executable, script, *PEERS["rust"]])


def run_beside_checks(client):
    script = [sys.executable, str(HERE / "python" / "beside.py")]
    rust = PEERS["rust"]
    server, check = {
        "python": ([*rust, "counting"], script),
        "rust": ([*script, "serve"], [*rust, "beside"]),
    }[client]
    with running(server) as address:
        return results_of([*check, address])


def soon(condition):
    """Whether the condition holds at some time; the limit is only against waiting for ever."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def run_client_address_checks(folder):
    results = {}
    for name, (server, proxy, options) in behind.checks(folder).items():
        with running([*PEERS["rust"], *server]) as address:
            with reloads.in_front_of(address, proxy) as (_, front):
                client = behind.client_of(front, *options)
        results[name] = client == behind.CLIENT
        print(f"ok {name}" if results[name] else f"FAILED {name}: {client}", flush=True)
    return results


def run_http1_checks(kind, folder):
    secure = [] if kind == "plaintext" else [kind, folder]
    with running([*PEERS["rust"], "serve", *secure]) as address:
        script = str(HERE / "python" / "http1.py")
        return results_of([sys.executable, script, address, *secure[1:]])


def run_unix_socket_checks():
    with tempfile.TemporaryDirectory() as folder:
        with running([*PEERS["rust"], "serve", f"unix:{folder}/peer.sock"]) as address:
            return results_of([sys.executable, str(HERE / "python" / "unix_socket.py"), address])


def run_connect_checks():
    with tempfile.TemporaryDirectory() as folder, running([*PEERS["rust"], "connect"]) as address:
        descriptors = write_descriptors(folder, "calculator.proto", "telemetry.proto", "mirror.proto")
        return {
            **results_of(["node", str(HERE / "node" / "connect.js"), address, descriptors]),
            **results_of([sys.executable, str(HERE / "python" / "json_mapping.py"), address, descriptors]),
        }


def run_types_checks():
    with tempfile.TemporaryDirectory() as folder, running([*PEERS["rust"], "types"]) as address:
        subprocess.run([*PEERS["rust"], "types", folder], cwd=HERE, check=True)
        files = [path.name for path in Path(folder).glob("*.proto")]
        descriptors = write_descriptors(folder, *files)
        return results_of([sys.executable, str(HERE / "python" / "json_mapping.py"), address, descriptors, "types"])


def run_rest_checks():
    with tempfile.TemporaryDirectory() as folder, running([*PEERS["rust"], "rest"]) as address:
        with proxy.in_front_of(address, descriptors=write_descriptors(folder, "rest.proto")) as envoy:
            return results_of([sys.executable, str(HERE / "python" / "rest.py"), address, envoy.address])


def write_descriptors(folder, *files):
    """The path of an encoded `FileDescriptorSet` of the files, with what they import. Some may be in the folder."""
    descriptors = str(Path(folder, "protos.binpb"))
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", f"--descriptor_set_out={descriptors}"]
    protoc += [f"--proto_path={path}" for path in (folder, HERE.parent / "proto", HERE.parents[1] / "proto")]
    subprocess.run([*protoc, *files], check=True)
    return descriptors


def run_admin_checks():
    with running([*PEERS["rust"], "admin"]) as address:
        return results_of([sys.executable, str(HERE / "python" / "admin.py"), address])


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


def make_certificates(folder):
    """A root, `ca`; below it `middle`, which issues `server` and `client`; and `other`, which issues `stranger`."""
    rsa = ["rsa:2048"]
    elliptic = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    leaf = "basicConstraints=critical,CA:FALSE"
    client = [leaf, "subjectAltName=URI:spiffe://example.org/client"]
    for name, issuer, key, extensions in [
        ("ca", None, rsa, []),
        ("middle", "ca", elliptic, ["basicConstraints=critical,CA:TRUE"]),
        ("server", "middle", rsa, [leaf, "subjectAltName=DNS:localhost"]),
        ("client", "middle", elliptic, client),
        ("other", None, rsa, []),
        ("stranger", "other", elliptic, client),
    ]:
        command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        command += ["-newkey", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        if issuer:
            command += ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"]
        for extension in extensions:
            command += ["-addext", extension]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        if issuer == "middle":
            chain = [Path(folder, f"{each}.crt").read_text() for each in (name, issuer)]
            Path(folder, f"{name}.crt").write_text("".join(chain))


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
