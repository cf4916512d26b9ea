"""TLS, with a certificate of the server's (`tls`) or of both sides (`mtls`); see ../src/tls.rs."""

import grpc

import checks
from contract import calculator, calculator_services

# Whom a server sees by the certificate of `client`.
CLIENT = "spiffe://example.org/client"
REFUSED = grpc.StatusCode.UNAVAILABLE
OTHER_NAME = [("grpc.ssl_target_name_override", "other.example")]


def server_credentials(kind, read):
    pair = (read("server.key"), read("server.crt"))
    if kind == "mtls":
        return grpc.ssl_server_credentials([pair], read("ca.crt"), require_client_auth=True)
    return grpc.ssl_server_credentials([pair])


def attempts(kind, read):
    """What a client tries, and what comes of it: whom the server has seen, if anybody, or a refusal."""

    def trusting(ca, client=None):
        pair = (read(f"{client}.key"), read(f"{client}.crt")) if client else ()
        return grpc.ssl_channel_credentials(read(f"{ca}.crt"), *pair)

    if kind == "tls":
        return [
            ("tls with the certificate of the server", trusting("ca"), (), None),
            ("tls of an unknown ca is refused", trusting("other"), (), REFUSED),
            ("tls with another name is refused", trusting("ca"), OTHER_NAME, REFUSED),
        ]
    client, stranger = trusting("ca", "client"), trusting("ca", "stranger")
    return [
        ("mtls with both certificates", client, (), CLIENT),
        ("mtls without a client certificate is refused", trusting("ca"), (), REFUSED),
        ("mtls with a client of an unknown ca is refused", stranger, (), REFUSED),
        ("mtls of an unknown ca is refused", trusting("other", "client"), (), REFUSED),
        ("mtls with another name is refused", client, OTHER_NAME, REFUSED),
    ]


async def check(address, kind, read):
    passed = True
    for name, credentials, options, expected in attempts(kind, read):
        seen = await add(address, credentials, options)
        passed &= checks.report(name, None if seen == expected else repr(seen))
    # The first one has what it takes.
    _, credentials, *_ = attempts(kind, read)[0]
    return await checks.run(address, checks.CALLS_AND_SIZES, credentials) and passed


async def add(address, credentials, options):
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        stub = calculator_services.CalculatorStub(channel)
        call = stub.Add(calculator.AddRequest(a=5, b=3), timeout=20)
        try:
            assert (await call).result == 8
        except grpc.aio.AioRpcError as status:
            return status.code()
        return (await call.initial_metadata()).get("x-peer")
