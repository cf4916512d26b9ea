"""Services in a chain, each of which calls the next one.

    chain.py [NEXT]    serves on a free port, which is printed; without NEXT, it is the end of the chain

`check` is the caller of a chain of two. `src/chain.rs` is the same service in Rust, where the deadline, the trace and
the cancellation are passed on without a word.
"""

import select
import sys
import threading
from concurrent import futures

import grpc

from contract import calculator, calculator_services

# Only against hanging.
LONG = 60
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Link(calculator_services.CalculatorServicer):
    def __init__(self, next_address):
        self.next = next_address and calculator_services.CalculatorStub(
            grpc.insecure_channel(next_address)
        )

    def Add(self, request, context):
        left = context.time_remaining()
        trace = dict(context.invocation_metadata()).get("traceparent", "no")
        told = []
        if self.next:
            response, call = self.next.Add.with_call(
                request, timeout=left, metadata=[("traceparent", trace)]
            )
            told = [it for it in call.initial_metadata() if it[0] in ("microseconds-left", "traced")]
        else:
            response = calculator.AddResponse(result=request.a + request.b)
        told += [("microseconds-left", str(int(left * 1e6))), ("traced", trace)]
        context.send_initial_metadata(told)
        return response

    def Subtract(self, request, context):
        print("began", flush=True)
        over = threading.Event()
        context.add_callback(over.set)
        call = self.next and self.next.Subtract.future(request)
        over.wait(LONG)
        if call:
            call.cancel()
        print("ended", flush=True)
        return calculator.SubtractResponse()


def serve(next_address):
    server = grpc.server(futures.ThreadPoolExecutor())
    calculator_services.add_CalculatorServicer_to_server(Link(next_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def each_has_less_time_than_the_one_before(second, rounding, *_):
    for timeout in (0.5, 20, 3600):
        request = calculator.AddRequest(a=5, b=3)
        for _ in range(20):
            response, call = second.Add.with_call(
                request, timeout=timeout, metadata=[("traceparent", TRACE)]
            )
            assert response.result == 8
            told = call.initial_metadata()
            last, first = (int(value) for key, value in told if key == "microseconds-left")
            # Rounding adds less than the millisecond that a server in Rust takes off.
            assert 0 < last < first * rounding + 1000, (last, first)
            assert [value for key, value in told if key == "traced"] == [TRACE, TRACE], told


def all_end_when_the_caller_goes_away(second, _, *outputs):
    call = second.Subtract.future(calculator.SubtractRequest(a=5, b=3), timeout=LONG)
    for output in outputs:
        assert said_by(output) == "began\n"
    call.cancel()
    for output in outputs:
        assert said_by(output) == "ended\n"


def said_by(output):
    """The next line of another process."""
    readable, _, _ = select.select([output], [], [], LONG)
    return output.readline() if readable else None


def check(address, rounding, *outputs):
    """What each check of a chain has come to, whose first service has this address: `{name: passed}`.

    That service makes more of a timeout when it passes it on, by the factor `rounding` at most.
    """
    results = {}
    with grpc.insecure_channel(address) as channel:
        second = calculator_services.CalculatorStub(channel)
        for run in (each_has_less_time_than_the_one_before, all_end_when_the_caller_goes_away):
            name = run.__name__.replace("_", " ")
            try:
                run(second, rounding, *outputs)
                results[name] = True
                print("ok", name, flush=True)
            except (AssertionError, grpc.RpcError) as problem:
                results[name] = False
                print(f"FAILED {name}: {problem}", flush=True)
    return results


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else None)
