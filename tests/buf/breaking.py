"""Runs `buf breaking` on the cases of breaking.txt, and compares what it says with what stands there."""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

CONFIG = """version: v2
breaking:
  use: [WIRE, WIRE_JSON, PACKAGE_SERVICE_NO_DELETE, RPC_NO_DELETE]
"""


def cases(text):
    """The name, the codes of buf, and both protos of each case."""
    for case in text.split("\n== ")[1:]:
        name, *lines = case.splitlines()
        codes, protos = [], {"-": [], "+": []}
        for line in lines:
            if line.startswith("buf "):
                codes = line[4:].split(":")[0].split()
            elif line[:1] in ("-", "+"):
                protos[line[0]].append(line[1:])
            elif line.replace("_", "").replace(" ", "").isupper():
                codes = line.split()
            else:
                protos["-"].append(line)
                protos["+"].append(line)
        yield name, codes, [proto(name, protos[side]) for side in "-+"]


def proto(name, lines):
    has_syntax = any(line.startswith(("syntax", "edition")) for line in lines)
    head = [] if has_syntax else ['syntax = "proto3";']
    head += [line for line in lines if line.startswith(("syntax", "edition"))]
    return "\n".join([*head, f"package {name};", *(line for line in lines if line not in head), ""])


def said_by_buf(then, now):
    command = ["buf", "breaking", now, "--against", then, "--error-format", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = collections.defaultdict(set)
    for line in ran.stdout.splitlines():
        finding = json.loads(line)
        found[pathlib.Path(finding["path"]).stem].add(finding["type"])
    if ran.stderr:
        sys.exit(ran.stderr)
    # Of two rules about the same thing, the worse one counts.
    return {
        name: {code for code in codes if code.replace("WIRE_JSON_", "WIRE_") == code
               or code.replace("WIRE_JSON_", "WIRE_") not in codes}
        for name, codes in found.items()
    }


def main():
    text = pathlib.Path(__file__).with_name("breaking.txt").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        then, now = (pathlib.Path(scratch, side) for side in ("then", "now"))
        expected = {}
        for name, codes, protos in cases(text):
            expected[name] = set(codes)
            for folder, content in zip((then, now), protos, strict=True):
                folder.mkdir(exist_ok=True)
                folder.joinpath(f"{name}.proto").write_text(content)
                folder.joinpath("buf.yaml").write_text(CONFIG)
        found = said_by_buf(then, now)
    wrong = [
        f"{name}: {sorted(codes)} expected of buf, {sorted(found.get(name, ()))} found"
        for name, codes in expected.items()
        if codes != found.get(name, set())
    ]
    if wrong or not expected:
        sys.exit("\n".join(wrong))
    print(f"buf breaking: {len(expected)} cases")


main()
