"""Asks a server for its health and its descriptors, and then stops it; see ../README.md."""

import os
import signal
import sys

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

# Only against hanging.
LONG = 60
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def asked(service):
    return health_pb2.HealthCheckRequest(service=service)


def every_service_is_healthy(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "calculator.Calculator", "telemetry.Telemetry"):
        assert health.Check(asked(service), timeout=LONG).status == SERVING, service
    try:
        health.Check(asked("no.Service"), timeout=LONG)
        raise AssertionError("an unknown service is not unknown")
    except grpc.RpcError as status:
        assert status.code() == grpc.StatusCode.NOT_FOUND, status


def services_are_listed(channel):
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {"calculator.Calculator", "telemetry.Telemetry", "grpc.health.v1.Health"} <= set(services)


def descriptors_are_enough_to_call(channel):
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("calculator.Calculator").FindMethodByName("Add")
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    add = channel.unary_unary(
        "/calculator.Calculator/Add",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    assert add(request(a=5, b=3), timeout=LONG).result == 8


def imports_are_found(channel):
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    point = pool.FindMessageTypeByName("telemetry.Point")
    assert point.fields_by_name["time"].message_type.full_name == "google.protobuf.Timestamp"
    watch = pool.FindServiceByName("telemetry.Telemetry").FindMethodByName("Watch")
    assert (watch.client_streaming, watch.server_streaming) == (False, True)
    options = pool.FindServiceByName("telemetry.Telemetry").FindMethodByName("Last").GetOptions()
    assert options.deprecated


def what_there_is_not_is_not_found(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    for find, name in [
        (database.FindFileByName, "missing.proto"),
        (database.FindFileContainingSymbol, "telemetry.Missing"),
        (database.FindAllExtensionNumbers, "telemetry.Missing"),
    ]:
        try:
            found = find(name)
        except KeyError:
            continue
        assert not found, f"{name}: {found}"


def a_watch_is_told_of_shutdown_and_ends(channel, process):
    health = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(asked("telemetry.Telemetry"), timeout=LONG)
    unknown = health.Watch(asked("no.Service"), timeout=LONG)
    assert next(watch).status == SERVING
    assert next(unknown).status == SERVICE_UNKNOWN
    os.kill(process, signal.SIGTERM)
    assert [response.status for response in watch] == [NOT_SERVING]
    assert [response.status for response in unknown] == []


def main(address, process):
    channel = grpc.insecure_channel(address)
    checks = {
        "every service is healthy": every_service_is_healthy,
        "services are listed": services_are_listed,
        "descriptors are enough to call": descriptors_are_enough_to_call,
        "imports are found": imports_are_found,
        "what there is not is not found": what_there_is_not_is_not_found,
        # The last one, for it stops the server.
        "a watch is told of shutdown and ends": lambda channel: (
            a_watch_is_told_of_shutdown_and_ends(channel, process)
        ),
    }
    all_passed = True
    for name, check in checks.items():
        try:
            check(channel)
            print("ok", name, flush=True)
        except Exception as problem:
            all_passed = False
            print(f"FAILED {name}: {problem!r}", flush=True)
    return all_passed


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
