// Messages from bytes: the details of errors, which Connect sends encoded.

/** What most errors have for details, as `google/rpc/error_details.proto` has it: names with numbers and types. */
const ERROR_DETAILS = {
  ErrorInfo: { reason: 1, domain: 2, metadata: [3, 'map'] },
  RetryInfo: { retryDelay: [1, 'google.protobuf.Duration'] },
  DebugInfo: { stackEntries: [1, 'list'], detail: 2 },
  QuotaFailure: { violations: [1, 'google.rpc.QuotaViolation', 'list'] },
  QuotaViolation: { subject: 1, description: 2 },
  PreconditionFailure: { violations: [1, 'google.rpc.PreconditionViolation', 'list'] },
  PreconditionViolation: { type: 1, subject: 2, description: 3 },
  BadRequest: { fieldViolations: [1, 'google.rpc.FieldViolation', 'list'] },
  FieldViolation: { field: 1, description: 2, reason: 3 },
  RequestInfo: { requestId: 1, servingData: 2 },
  ResourceInfo: { resourceType: 1, resourceName: 2, owner: 3, description: 4 },
  Help: { links: [1, 'google.rpc.HelpLink', 'list'] },
  HelpLink: { description: 1, url: 2 },
  LocalizedMessage: { locale: 1, message: 2 },
};

for (const [name, fields] of Object.entries(ERROR_DETAILS)) {
  schema.messages[`google.rpc.${name}`] ??= {
    fields: Object.entries(fields).map(([json, rest]) => {
      const [number, ...words] = [rest].flat();
      const of = words.find((word) => word.startsWith('google.'));
      const field = { name: json, number, type: of ? 'message' : 'string', of };
      if (words.includes('list')) field.repeated = true;
      if (words.includes('map')) field.key = 'string';
      return field;
    }),
  };
}
schema.messages['google.protobuf.Duration'] ??= {
  fields: [
    { name: 'seconds', number: 1, type: 'int64' },
    { name: 'nanos', number: 2, type: 'int32' },
  ],
};

function fromBase64(text) {
  const standard = text.replace(/-/g, '+').replace(/_/g, '/');
  return Uint8Array.from(atob(standard), (char) => char.charCodeAt(0));
}

function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** A message of this type from its bytes, as JSON has it. Throws if it is none. */
function decode(type, bytes) {
  const message = schema.messages[type];
  if (!message) throw new Error(`the type ${type} is not known`);
  const result = {};
  const reader = new Reader(bytes);
  while (!reader.isAtEnd()) {
    const { number, value, isPacked } = reader.field();
    const field = message.fields.find((field) => field.number === number);
    if (field) addField(result, field, value, isPacked);
  }
  return ownForm(type, result);
}

function addField(result, field, value, isBytes) {
  const name = jsonName(field);
  if (field.key) {
    const entry = decodeEntry(field, value);
    result[name] = { ...result[name], [entry.key]: entry.value };
  } else if (field.repeated && isBytes && !['string', 'bytes', 'message'].includes(field.type)) {
    const reader = new Reader(value);
    result[name] ??= [];
    while (!reader.isAtEnd()) result[name].push(scalar(field, reader.value(wireType(field.type))));
  } else if (field.repeated) {
    (result[name] ??= []).push(scalar(field, value));
  } else {
    result[name] = scalar(field, value);
  }
}

function decodeEntry(field, bytes) {
  const entry = { key: '', value: field.type === 'string' ? '' : null };
  const reader = new Reader(bytes);
  while (!reader.isAtEnd()) {
    const { number, value } = reader.field();
    if (number === 1) entry.key = scalar({ type: field.key }, value);
    if (number === 2) entry.value = scalar(field, value);
  }
  return entry;
}

/** A decoded message as JSON, if it is one with a form of its own; others stay as they are. */
function ownForm(type, message) {
  const { seconds = '0', nanos = 0 } = message;
  switch (type) {
    case 'google.protobuf.Duration':
      return `${Number(seconds) + nanos / 1e9}s`;
    case 'google.protobuf.Timestamp':
      return new Date(Number(seconds) * 1000 + nanos / 1e6).toISOString();
    case 'google.protobuf.FieldMask':
      return (message.paths ?? []).join(',');
    default:
      return WRAPPERS.has(type) ? (message.value ?? emptyValue({ type: WRAPPERS.get(type) })) : message;
  }
}

function wireType(type) {
  if (/fixed64|double/.test(type)) return 1;
  if (/fixed32|float/.test(type)) return 5;
  return ['string', 'bytes', 'message'].includes(type) ? 2 : 0;
}

/** A value of a field. Numbers are `BigInt`s or the bytes of fixed ones, and all others bytes. */
function scalar(field, value) {
  const view = value instanceof Uint8Array ? new DataView(value.buffer, value.byteOffset, value.length) : null;
  switch (field.type) {
    case 'message':
      return decode(field.of, value);
    case 'string':
      return new TextDecoder().decode(value);
    case 'bytes':
      return toBase64(value);
    case 'bool':
      return value !== 0n;
    case 'enum': {
      const number = Number(BigInt.asIntN(32, value));
      return schema.enums[field.of]?.values.find((named) => named[1] === number)?.[0] ?? number;
    }
    case 'double':
      return view.getFloat64(0, true);
    case 'float':
      return view.getFloat32(0, true);
    case 'fixed32':
      return view.getUint32(0, true);
    case 'sfixed32':
      return view.getInt32(0, true);
    case 'fixed64':
      return String(view.getBigUint64(0, true));
    case 'sfixed64':
      return String(view.getBigInt64(0, true));
    case 'int32':
      return Number(BigInt.asIntN(32, value));
    case 'uint32':
      return Number(BigInt.asUintN(32, value));
    case 'sint32':
      return Number((value >> 1n) ^ -(value & 1n));
    case 'sint64':
      return String((value >> 1n) ^ -(value & 1n));
    case 'int64':
      return String(BigInt.asIntN(64, value));
    default:
      return String(value);
  }
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  isAtEnd() {
    return this.at >= this.bytes.length;
  }

  field() {
    const tag = Number(this.varint());
    return { number: tag >>> 3, value: this.value(tag & 7), isPacked: (tag & 7) === 2 };
  }

  value(wire) {
    if (wire === 0) return this.varint();
    if (wire === 1) return this.take(8);
    if (wire === 5) return this.take(4);
    if (wire === 2) return this.take(Number(this.varint()));
    throw new Error('it has a group, which is not read');
  }

  take(length) {
    if (this.at + length > this.bytes.length) throw new Error('it ends early');
    return this.bytes.subarray(this.at, (this.at += length));
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('a number is too long');
  }
}
