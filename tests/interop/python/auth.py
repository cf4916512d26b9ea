"""Bearer tokens over TLS, and typed details of errors: the server, and the checks of one; see ../src/auth.rs."""

import asyncio

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import checks
from contract import calculator, calculator_services
from scenarios import Calculator

TOKEN = "mF_9.B5f-4.1JqM"
REASON = "TOKEN_UNKNOWN"
DOMAIN = "calculator.example"
INFO = error_details_pb2.ErrorInfo(reason=REASON, domain=DOMAIN, metadata={"größe": "7"})
VIOLATION = error_details_pb2.BadRequest.FieldViolation(
    field="authorization", description="is not known"
)
BAD_REQUEST = error_details_pb2.BadRequest(field_violations=[VIOLATION])


class Guarded(Calculator):
    async def Add(self, request, context):
        values = [v for k, v in context.invocation_metadata() if k == "authorization"]
        if not values:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the call has no token")
        if values != [f"Bearer {TOKEN}"]:
            status = rpc_status.to_status(refusal())
            await context.abort(status.code, status.details, status.trailing_metadata)
        return await super().Add(request, context)


def refusal():
    status = status_pb2.Status(code=code_pb2.UNAUTHENTICATED, message="the token is not valid")
    for detail in (INFO, BAD_REQUEST):
        status.details.append(any_pb2.Any())
        status.details[-1].Pack(detail)
    return status


async def check(address, read):
    tls = grpc.ssl_channel_credentials(read("ca.crt"))
    passed = True
    for name, token, is_right in [
        ("auth a token is accepted", TOKEN, lambda outcome: outcome == 8),
        ("auth a call without a token is refused", None, is_unauthenticated),
        ("auth a wrong token is refused with details", "wrong", has_details),
    ]:
        credentials = tls
        if token:
            credentials = grpc.composite_channel_credentials(
                tls, grpc.access_token_call_credentials(token)
            )
        outcome = await asyncio.to_thread(add, address, credentials)
        passed &= checks.report(name, None if is_right(outcome) else repr(outcome))
    return passed


def add(address, credentials):
    with grpc.secure_channel(address, credentials) as channel:
        stub = calculator_services.CalculatorStub(channel)
        try:
            return stub.Add(calculator.AddRequest(a=5, b=3), timeout=20).result
        except grpc.RpcError as error:
            return error


def is_unauthenticated(outcome):
    return isinstance(outcome, grpc.RpcError) and outcome.code() == grpc.StatusCode.UNAUTHENTICATED


def has_details(outcome):
    status = is_unauthenticated(outcome) and rpc_status.from_call(outcome)
    if not status:
        return False
    unpacked = []
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
        for detail in status.details:
            message = kind()
            if detail.Unpack(message):
                unpacked.append(message)
    return status.message == "the token is not valid" and unpacked == [INFO, BAD_REQUEST]
