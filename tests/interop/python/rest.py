"""Calls methods by REST: a Rust server's own, and what Envoy makes of the same rules in front of it; see ../README.md."""

import http.client
import json
import subprocess
import sys

import openapi_spec_validator

# Only against hanging.
LONG = 60
JSON = {"content-type": "application/json"}

# What both answer with the same status and the same JSON.
SAME = [
    ("GET", "/v1/things/one"),
    ("GET", "/v1/things/a%20b%2Bc"),
    ("GET", "/v1/things/a+b"),
    ("GET", "/v1/shelves/7/books/a/b"),
    ("GET", "/v1/shelves/7/books/a%2Fb/c%20d"),
    ("GET", "/v1/items/pen/-5"),
    ("GET", "/v1/by/9007199254740993/COLOR_RED/2020-01-02T03:04:05.006Z/true"),
    ("GET", "/v1/by/0/1/1970-01-01T00:00:00Z/false"),
    ("GET", "/v1/things/x?int32=-7&uint64=18446744073709551615"),
    ("GET", "/v1/things/x?double=1e3&float=NaN"),
    ("GET", "/v1/things/x?bytes=aGk%3D&bool=true"),
    ("GET", "/v1/things/x?color=COLOR_RED&colors=1&colors=COLOR_RED"),
    ("GET", "/v1/things/x?numbers=1&numbers=2"),
    ("GET", "/v1/things/x?other=3&present=0"),
    ("GET", "/v1/things/x?renamed_field=3"),
    ("GET", "/v1/things/x?item.name=a+b%26c&item.price=2"),
    ("GET", "/v1/things/x?duration=1.5s&mask=a,bC"),
    ("GET", "/v1/things/x?wrapped=5&wrapped_text=y"),
    ("GET", "/v1/things/x?nested.nested.text=deep"),
    ("GET", "/v1/watch/3?text=x"),
    ("POST", "/v1/watch", '{"int32": 2}'),
    ("POST", "/v1/things", '{"int32": 5, "string": "a", "items": [{"name": "b"}]}'),
    ("POST", "/v1/things", "{}"),
    ("PUT", "/v1/things/b", '{"int32": 5}'),
    ("PATCH", "/v1/things/b/item", '{"price": 5}'),
    ("PATCH", "/v1/things/b/item?int32=4", '{"price": 5}'),
    ("DELETE", "/v1/things/b?int32=4"),
    ("GET", "/v1/things/fail"),
    ("PUT", "/v1/things/fail", "{}"),
    ("GET", "/v1/parts/x"),
    ("GET", "/v1/files/x"),
    ("GET", "/v1/files/xyz/bytes"),
]

# What both refuse with the same status; their words are their own.
REFUSED_BY_BOTH = [
    ("GET", "/v1/by/x/0/1970-01-01T00:00:00Z/true"),
    ("GET", "/v1/by/0/0/now/true"),
    ("GET", "/v1/things/x?uint32=-1"),
    ("GET", "/v1/things/x?no=1"),
    ("GET", "/v1/things/x?item.no=1"),
    ("POST", "/v1/things", '{"int32": "x"}'),
    ("POST", "/v1/things", "{"),
    ("POST", "/v1/things:", "{}"),
    ("GET", "/v1/thing"),
]

# What they answer differently: the request, how Envoy's answer differs from ours, and why ours is as it is.
DIFFERENT = [
    (
        ("GET", "/v1/shelves/7/books/"),
        lambda ours, envoy: (ours[2]["string"], envoy[2]["string"]) == ("shelves/7/books/", "shelves/7/books"),
        "a path with a slash at its end is another path, and `**` has all of it",
    ),
    (
        ("POST", "/v1/things", '{"no": 1}'),
        lambda ours, envoy: (ours[0], envoy[0]) == (400, 200),
        "unknown fields are refused in bodies, as they are in queries",
    ),
    (
        ("GET", "/v1/watch/0"),
        lambda ours, envoy: (ours[:2], envoy[1:]) == ((200, "application/x-ndjson"), ("application/json", "")),
        "nothing is no JSON",
    ),
    (
        ("HEAD", "/v1/things/one"),
        lambda ours, envoy: (ours[0], envoy[0]) == (200, 404),
        "RFC 9110 has servers answer HEAD where they answer GET",
    ),
    (
        ("POST", "/v1/things/one", "{}"),
        lambda ours, envoy: (ours[0], envoy[0]) == (405, 404),
        "RFC 9110 tells a method that is not allowed from a path that is not there",
    ),
    (
        ("POST", "/v1/collect", '[{"int32": 1}]'),
        lambda ours, envoy: (ours[0], envoy[0]) == (404, 200),
        "methods that stream requests have no REST",
    ),
]


def ask(address, method, path, body=None):
    """The status of the response, its content type and its body: JSON, its lines, or text."""
    connection = http.client.HTTPConnection(address, timeout=LONG)
    connection.request(method, path, body=body, headers=JSON if body is not None else {})
    response = connection.getresponse()
    content_type = (response.headers["content-type"] or "").partition(";")[0]
    text = response.read().decode()
    # Envoy calls lines JSON.
    if text and (content_type == "application/x-ndjson" or "}\n{" in text):
        return response.status, "lines", [json.loads(line) for line in text.splitlines()]
    is_json = content_type == "application/json" and text
    return response.status, content_type, json.loads(text) if is_json else text


def check(name, passed, why=""):
    # What follows a colon is why.
    name = name.replace(":", ".")
    print("ok" if passed else "FAILED", f"{name}: {why}" if why and not passed else name, flush=True)


def check_events(address):
    """What curl gets while it arrives, as a browser would."""
    command = ["curl", "--silent", "--no-buffer", "--max-time", str(LONG), "--header", "accept: text/event-stream"]
    events = subprocess.run([*command, f"http://{address}/v1/watch/2"], capture_output=True, check=True, text=True)
    *messages, end = events.stdout.removesuffix("\n\n").split("\n\n")
    numbers = [json.loads(message.removeprefix("data: "))["int32"] for message in messages]
    check("curl reads server-sent events", (numbers, end) == ([1, 2], "event: end\ndata: {}"), events.stdout)


def check_description(address):
    _, _, document = ask(address, "GET", "/openapi.json")
    try:
        openapi_spec_validator.validate(document)
        problem = ""
    except openapi_spec_validator.OpenAPIValidationError as error:
        problem = str(error)
    check("the description is valid OpenAPI", not problem and len(document["paths"]) > 15, problem)


def main():
    ours, envoy = sys.argv[1:]
    for case in SAME:
        answers = ask(ours, *case), ask(envoy, *case)
        check(f"both answer {' '.join(case)}", answers[0] == answers[1], answers)
    for case in REFUSED_BY_BOTH:
        statuses = ask(ours, *case)[0], ask(envoy, *case)[0]
        check(f"both refuse {' '.join(case)}", statuses[0] == statuses[1] >= 400, statuses)
    for case, differs, reason in DIFFERENT:
        answers = ask(ours, *case), ask(envoy, *case)
        check(f"{' '.join(case)} differs, as {reason}", differs(*answers), answers)
    check_events(ours)
    check_description(ours)


if __name__ == "__main__":
    main()
