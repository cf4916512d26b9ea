"""The messages and services of proto/calculator.proto.

grpcio-tools makes them when this module is imported: there is no generated
file to keep up to date.
"""

import sys
from pathlib import Path

import grpc

PROTO_DIRECTORY = Path(__file__).resolve().parents[3] / "proto"

sys.path.append(str(PROTO_DIRECTORY))
messages, services = grpc.protos_and_services("calculator.proto")
