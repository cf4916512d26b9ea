"""The contracts in proto/, made into Python when this module is imported."""

import sys
from pathlib import Path

import grpc

sys.path.append(str(Path(__file__).resolve().parents[3] / "proto"))

calculator, calculator_services = grpc.protos_and_services("calculator.proto")
telemetry, telemetry_services = grpc.protos_and_services("telemetry.proto")
greeter, greeter_services = grpc.protos_and_services("greeter.proto")
