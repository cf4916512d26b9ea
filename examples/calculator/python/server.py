"""Serves the calculator from Python, for any gRPC client."""

import argparse
import sys
from concurrent import futures

import grpc

from contract import messages, services

INT32 = range(-(2**31), 2**31)


class Calculator(services.CalculatorServicer):
    """Adds and subtracts; what does not fit in an int32 is OUT_OF_RANGE."""

    def Add(self, request, context):
        result = in_int32(request.a + request.b, f"{request.a} + {request.b}", context)
        return messages.AddResponse(result=result)

    def Subtract(self, request, context):
        result = in_int32(request.a - request.b, f"{request.a} - {request.b}", context)
        return messages.SubtractResponse(result=result)


def in_int32(result, expression, context):
    if result not in INT32:
        context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{expression} does not fit in an int32")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addr", default="[::]:50051", metavar="HOST:PORT")
    addr = parser.parse_args().addr

    # Without this option a second server on the port would share it, not fail.
    server = grpc.server(futures.ThreadPoolExecutor(), options=[("grpc.so_reuseport", 0)])
    services.add_CalculatorServicer_to_server(Calculator(), server)
    try:
        server.add_insecure_port(addr)
    except RuntimeError as error:
        sys.exit(f"cannot serve on {addr}: {error}")
    server.start()
    print(f"Calculator serving on {addr}", flush=True)
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
