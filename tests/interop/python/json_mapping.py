"""JSON by protobuf for Python, the reference, and by a server that answers with what it was asked; see ../README.md.

json_mapping.py HOST:PORT DESCRIPTORS, a file with the contracts as a FileDescriptorSet. With the word `types` after them,
all services of the contracts answer so, each method with its own type.
"""

import http.client
import random
import struct
import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

MESSAGES = 500
# Of each type, where there are many.
MESSAGES_OF_A_TYPE = 8
# Only against hanging.
LONG = 60
MAX_DEPTH = 3
SIGNED_32 = (Field.TYPE_INT32, Field.TYPE_SINT32, Field.TYPE_SFIXED32)
SIGNED_64 = (Field.TYPE_INT64, Field.TYPE_SINT64, Field.TYPE_SFIXED64)
UNSIGNED_32 = (Field.TYPE_UINT32, Field.TYPE_FIXED32)
TEXTS = ["", "a", "größer", "\"\\\n\r\t\0", "\u2028<&>", "🦀"]
# Without -0, which prost takes for a default and drops.
DOUBLES = [0.0, 1.5, -1e300, 5e-324, 1e21, 123456789.125, float("inf"), float("-inf")]
FLOATS = [0.0, 0.1, 3e38, 1e-45, 16777216.0, float("inf")]


def main(address, descriptors, what="mirror"):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(Path(descriptors).read_bytes())
    for file in files.file:
        pool.Add(file)
    check = check_types if what == "types" else check_mirror
    return check(address, pool, files)


def check_types(address, pool, files):
    """Each method has a type of its own, which comes back as it was."""
    connection = http.client.HTTPConnection(address, timeout=LONG)
    chance = random.Random(1)
    types, passed = 0, True
    for file in files.file:
        for service in file.service:
            for method in service.method:
                message_type = pool.FindMessageTypeByName(method.input_type.removeprefix("."))
                path = f"/{file.package}.{service.name}/{method.name}"
                passed &= check_type(connection, path, message_type, chance, pool)
                types += 1
    print("ok" if passed and types >= 300 else "FAILED", f"json random messages of {types} types come back", flush=True)
    return passed


def check_type(connection, path, message_type, chance, pool):
    make = message_factory.GetMessageClass(message_type)
    for _ in range(MESSAGES_OF_A_TYPE):
        message = make()
        fill(message, chance, make, 0)
        text = json_format.MessageToJson(message, descriptor_pool=pool)
        connection.request("POST", path, text.encode(), {"content-type": "application/json"})
        answer = connection.getresponse()
        body = answer.read().decode()
        seen = json_format.Parse(body, make(), descriptor_pool=pool) if answer.status == 200 else None
        if seen != message:
            print(f"{path}: {text}\n      came back, {answer.status}: {body}")
            return False
    return True


def check_mirror(address, pool, _files):
    everything, item = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"mirror.{name}"))
        for name in ("Everything", "Item")
    )
    chance = random.Random(1)
    sent = []
    for _ in range(MESSAGES):
        message = everything()
        fill(message, chance, item, 0)
        sent.append(message)
    texts = [json_format.MessageToJson(it, descriptor_pool=pool).encode() for it in sent]
    received = reflected(address, texts)
    passed = True
    for number, (message, text) in enumerate(zip(sent, received, strict=True)):
        seen = json_format.Parse(text, everything(), descriptor_pool=pool)
        if seen != message:
            print(f"message {number}: {json_format.MessageToDict(message, descriptor_pool=pool)}")
            print(f"      came back: {text.decode()}")
            passed = False
    print("ok" if passed else "FAILED", "json random messages come back", flush=True)
    return passed


def fill(message, chance, item, depth):
    """Gives some of the fields random values."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.6 or (field.message_type and depth == MAX_DEPTH):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            fill_map(getattr(message, field.name), field, chance, item, depth)
        elif field.is_repeated:
            for _ in range(chance.randrange(3)):
                if field.message_type:
                    fill_message(getattr(message, field.name).add(), chance, item, depth + 1)
                else:
                    getattr(message, field.name).append(scalar(field, chance))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill_message(getattr(message, field.name), chance, item, depth + 1)
        else:
            setattr(message, field.name, scalar(field, chance))


def fill_map(entries, field, chance, item, depth):
    key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    for _ in range(chance.randrange(3)):
        if value.message_type:
            fill_message(entries[scalar(key, chance)], chance, item, depth + 1)
        else:
            entries[scalar(key, chance)] = scalar(value, chance)


def fill_message(message, chance, item, depth):
    """Well-known types have values of their own."""
    match message.DESCRIPTOR.full_name:
        case "google.protobuf.Any":
            packed = item()
            fill(packed, chance, item, depth)
            message.Pack(packed)
        case "google.protobuf.Timestamp":
            message.seconds = chance.choice([-62135596800, -1, 0, 1234567890, 253402300799])
            message.nanos = chance.choice([0, 1, 1000, 120_000_000, 999_999_999])
        case "google.protobuf.Duration":
            sign = chance.choice([-1, 1])
            message.seconds = sign * chance.choice([0, 1, 315_576_000_000])
            message.nanos = sign * chance.choice([0, 1, 1000, 999_999_999])
            if abs(message.seconds) == 315_576_000_000:
                message.nanos = 0
        case "google.protobuf.FieldMask":
            message.paths.extend(chance.sample(["a", "foo_bar", "a.b_c.d", "x1"], chance.randrange(3)))
        case "google.protobuf.Value":
            fill_value(message, chance, depth)
        case "google.protobuf.Struct":
            for text in chance.sample(TEXTS, chance.randrange(3)):
                fill_value(message.fields[text], chance, depth)
        case "google.protobuf.ListValue":
            for _ in range(chance.randrange(3)):
                fill_value(message.values.add(), chance, depth)
        case _:
            fill(message, chance, item, depth)


def fill_value(value, chance, depth):
    kinds = ["null", "number", "text", "bool"] + ["list", "struct"] * (depth < MAX_DEPTH)
    match chance.choice(kinds):
        case "null":
            value.null_value = 0
        case "number":
            value.number_value = chance.choice([0.0, 1.0, -1.5, 1e300, 1e21])
        case "text":
            value.string_value = chance.choice(TEXTS)
        case "bool":
            value.bool_value = chance.choice([True, False])
        case "list":
            value.list_value.SetInParent()
            fill_message(value.list_value, chance, None, depth + 1)
        case "struct":
            value.struct_value.SetInParent()
            fill_message(value.struct_value, chance, None, depth + 1)


def scalar(field, chance):
    kind = field.type
    if kind == Field.TYPE_BOOL:
        return chance.choice([True, False])
    if kind == Field.TYPE_STRING:
        return chance.choice(TEXTS)
    if kind == Field.TYPE_BYTES:
        return chance.randbytes(chance.randrange(8))
    if kind == Field.TYPE_DOUBLE:
        return chance.choice([*DOUBLES, chance.uniform(-1e9, 1e9)])
    if kind == Field.TYPE_FLOAT:
        return chance.choice([*FLOATS, *struct.unpack("f", struct.pack("f", chance.uniform(-9, 9)))])
    if kind == Field.TYPE_ENUM:
        numbers = [value.number for value in field.enum_type.values]
        # `NullValue` is open, but null in JSON whatever its number.
        is_open = not field.enum_type.is_closed and not field.enum_type.full_name.startswith("google")
        return chance.choice([*numbers, 77] if is_open else numbers)
    if kind in SIGNED_32:
        low, high = -(2**31), 2**31 - 1
    elif kind in SIGNED_64:
        low, high = -(2**63), 2**63 - 1
    else:
        low, high = 0, 2**32 - 1 if kind in UNSIGNED_32 else 2**64 - 1
    return chance.choice([low, high, 0, 1, chance.randint(low, high)])


def reflected(address, messages):
    """What comes back for `messages`, as a stream in Connect."""
    url = f"http://{address}/mirror.Mirror/ReflectAll"
    curl = ["curl", "--silent", "--fail", "--http2-prior-knowledge", "--data-binary", "@-"]
    curl += ["--header", "content-type: application/connect+json", url]
    body = b"".join(struct.pack(">BI", 0, len(it)) + it for it in messages)
    answer = subprocess.run(curl, input=body, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    received = []
    while answer:
        flag, length = struct.unpack(">BI", answer[:5])
        received.append((flag, answer[5 : 5 + length]))
        answer = answer[5 + length :]
    *received, (flag, end) = received
    if flag != 2 or end != b"{}":
        sys.exit(f"the stream has ended with {flag}, {end}")
    return [text for _, text in received]


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
