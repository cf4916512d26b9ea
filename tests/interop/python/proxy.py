"""Envoy, between a client and a server."""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

PROGRAM = Path(sys.executable).with_name("envoy")

# Calls and streams may take as long as their deadlines say, which Envoy passes on.
CONFIG = """
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: clients
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          http_filters:
          TRANSCODER
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                route: { cluster: server, timeout: 0s }
  clusters:
  - name: server
    connect_timeout: 5s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: server
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: HOST, port_value: PORT } } }
    HEALTH_CHECKS
"""
HEALTH_CHECKS = """health_checks:
    - { timeout: 1s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1,
        grpc_health_check: {} }
    common_lb_config: { healthy_panic_threshold: { value: 0 } }"""

# As strict as our servers are.
TRANSCODER = """- name: envoy.filters.http.grpc_json_transcoder
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
              proto_descriptor: DESCRIPTORS
              services: [rest.Rest]
              convert_grpc_status: true
              query_param_unescape_plus: true
              print_options: { always_print_primitive_fields: true, stream_newline_delimited: true }
              request_validation_options: { reject_unknown_method: true, reject_unknown_query_parameters: true }"""


class Envoy:
    """A running proxy."""

    def __init__(self, admin):
        self.admin = admin
        listeners = self.ask("listeners")["listener_statuses"]
        address = listeners[0]["local_address"]["socket_address"]
        self.address = f"{address['address']}:{address['port_value']}"

    def ask(self, page):
        with urlopen(f"http://{self.admin}/{page}?format=json", timeout=10) as response:
            return json.load(response)

    def takes_for_healthy(self):
        """Whether it would pass calls on."""
        clusters = self.ask("clusters")["cluster_statuses"]
        hosts = [host for cluster in clusters for host in cluster["host_statuses"]]
        return not any(host["health_status"].get("failed_active_health_check") for host in hosts)


@contextmanager
def in_front_of(server, checks_health=False, descriptors=None):
    """A proxy of the server at this address, which is stopped in the end. With descriptors, it speaks REST."""
    host, port = server.rsplit(":", 1)
    config = CONFIG.replace("HOST", host).replace("PORT", port)
    config = config.replace("HEALTH_CHECKS", HEALTH_CHECKS if checks_health else "")
    config = config.replace("TRANSCODER", TRANSCODER.replace("DESCRIPTORS", descriptors) if descriptors else "")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(config)
        admin = Path(folder, "admin")
        command = [PROGRAM, "--config-path", f"{folder}/config.yaml", "--admin-address-path", admin]
        command += ["--use-dynamic-base-id", "--log-level", "error", "--concurrency", "1"]
        proxy = subprocess.Popen(command)
        try:
            while not (admin.exists() and admin.read_text()):
                if proxy.poll() is not None:
                    raise RuntimeError(f"Envoy has ended with {proxy.returncode}")
                time.sleep(0.05)
            yield Envoy(admin.read_text())
        finally:
            proxy.terminate()
            proxy.wait()
