"""HAProxy and nginx in front of a server, which are reloaded while they are used; see ../README.md."""

import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import ages

RELOADS = 4
# How many calls there are between two of them.
CALLS = 500
# How many calls the client has in flight.
IN_FLIGHT = 64
# Only against waiting for ever.
LONG = 60

HAPROXY = """
global
    hard-stop-after STOP
defaults
    mode MODE
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend clients
    bind 127.0.0.1:PORT PROTOCOL
    default_backend servers
backend servers
    FORWARDED
    server server SERVER PROTOCOL OPTIONS
"""
NGINX = """
daemon off;
worker_processes 1;
pid FOLDER/pid;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    upstream servers { server SERVER; keepalive 64; }
    server {
        listen 127.0.0.1:PORT http2;
        location / {
            grpc_pass grpc://servers;
            grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
}
"""


class Proxy:
    """One that has a process for its connections, below the process that replaces it.

    Each time, it may cut so many calls. Connections to its server live for `age` milliseconds.
    """

    def __init__(self, config, command, reload, cuts=0, age=None):
        self.config, self.command, self.reload = config, command, reload
        self.cuts, self.age = cuts, age


def haproxy(stop, mode, protocol, options="", **others):
    """In master-worker mode. A process that is to end may take until `stop`. The `options` are those of its server."""
    config = HAPROXY.replace("STOP", stop).replace("MODE", mode).replace("PROTOCOL", protocol)
    config = config.replace("FORWARDED", "option forwardfor" if mode == "http" else "")
    config = config.replace("OPTIONS", options)
    return Proxy(config, ["haproxy", "-q", "-W", "-f", "FOLDER/config"], signal.SIGUSR2, **others)


PROXIES = {
    # It knows of no calls: a process that is to end waits for its connections, and cuts them in the end.
    "HAProxy, TCP": haproxy("500ms", "tcp", "", cuts=IN_FLIGHT),
    "HAProxy, TCP, connections that age": haproxy("60s", "tcp", "", age="1000"),
    "HAProxy, HTTP/2": haproxy("60s", "http", "proto h2"),
    "nginx": Proxy(NGINX, ["nginx", "-e", "stderr", "-c", "FOLDER/config"], signal.SIGHUP),
}


@contextmanager
def in_front_of(server, proxy):
    """The process of a proxy of the server at this address, and the address of the proxy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = proxy.config.replace("FOLDER", folder).replace("SERVER", server)
        Path(folder, "config").write_text(config.replace("PORT", str(port)))
        process = subprocess.Popen([word.replace("FOLDER", folder) for word in proxy.command])
        try:
            until(lambda: answers(port))
            yield process, f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False


def workers(process):
    return set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def until(condition):
    end = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def check(name, server, start_client):
    """What each check of a proxy has come to, in front of the server at this address: `{name: passed}`.

    `start_client` starts a client of an address, which makes calls until its input ends.
    """
    proxy = PROXIES[name]
    with in_front_of(server, proxy) as (process, address):
        client = start_client(address)
        for _ in range(RELOADS):
            enough = ages.counts(server)["calls"] + CALLS
            until(lambda: ages.counts(server)["calls"] >= enough)
            former = workers(process)
            process.send_signal(proxy.reload)
            # The former ones have ended, and there is another.
            until(lambda: workers(process) and not workers(process) & former)
        enough = ages.counts(server)["calls"] + CALLS
        until(lambda: ages.counts(server)["calls"] >= enough)
        output, _ = client.communicate()
    ends = [line.split(" ", 1) for line in output.splitlines()]
    answered = sum(int(calls) for calls, end in ends if end == "Ok")
    lost = {end: int(calls) for calls, end in ends if end != "Ok"}
    counts = ages.counts(server)
    print(f"{answered} calls, {RELOADS} reloads, lost: {lost or 'none'}", flush=True)
    results = {
        "no call is made twice": counts["repeated"] == 0 and counts["calls"] >= answered,
        "no call is lost but those in flight on connections that were cut": sum(lost.values())
        <= RELOADS * proxy.cuts
        and all(end.startswith("Unavailable ") for end in lost),
    }
    for check, passed in results.items():
        print("ok" if passed else "FAILED", check, flush=True)
    return results
