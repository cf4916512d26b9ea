"""Asks a calculator, whatever it is written in, for 5 + 3 and 10 - 4."""

import argparse
import sys

import grpc

from contract import messages, services


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addr", default="localhost:50051", metavar="HOST:PORT")
    addr = parser.parse_args().addr

    with grpc.insecure_channel(addr) as channel:
        calculator = services.CalculatorStub(channel)
        try:
            total = calculator.Add(messages.AddRequest(a=5, b=3), timeout=10)
            print(f"Add Result: {total.result}")
            difference = calculator.Subtract(messages.SubtractRequest(a=10, b=4), timeout=10)
            print(f"Subtract Result: {difference.result}")
        except grpc.RpcError as error:
            sys.exit(f"{addr}: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
