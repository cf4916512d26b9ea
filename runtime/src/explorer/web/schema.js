// What the server has: services, methods, messages, and which of their fields are secret.

const schema = JSON.parse(byId('schema').textContent);

/** What stands before all paths: a proxy, or the server around this one, may have put something there. */
const base = location.pathname.replace(/\/$/, '').slice(0, schema.path ? -schema.path.length : undefined);

/** The methods, by `package.Service/Method`. */
const methods = new Map();
for (const service of schema.services) {
  for (const method of service.methods ?? []) {
    const id = `${service.name}/${method.name}`;
    methods.set(id, { ...method, id, service: service.name, file: service.file });
  }
}

const KINDS = {
  unary: { name: 'unary', arrow: '→' },
  server: { name: 'server stream', arrow: '⇢' },
  client: { name: 'client stream', arrow: '⇠' },
  bidi: { name: 'streams both ways', arrow: '⇄' },
};

const streamsRequests = (method) => method.kind === 'client' || method.kind === 'bidi';
const streamsResponses = (method) => method.kind === 'server' || method.kind === 'bidi';

/** The well-known types that are not written as objects of their fields, and what one writes. */
const OWN_FORMS = {
  'google.protobuf.Timestamp': {
    hint: 'a time, such as 2026-01-31T12:00:00Z',
    example: () => new Date().toISOString(),
  },
  'google.protobuf.Duration': { hint: 'seconds, such as 1.5s', example: () => '1.5s' },
  'google.protobuf.FieldMask': { hint: 'fields, such as name,price', example: () => 'name' },
  'google.protobuf.Any': { hint: 'JSON with the type in "@type"', isJson: true, example: () => undefined },
  'google.protobuf.Struct': { hint: 'a JSON object', isJson: true, example: () => ({ key: 'value' }) },
  'google.protobuf.Value': { hint: 'any JSON', isJson: true, example: () => 'value' },
  'google.protobuf.ListValue': { hint: 'a JSON array', isJson: true, example: () => ['value'] },
};

/** The scalar type in each wrapper, such as `google.protobuf.Int64Value`. */
const WRAPPERS = new Map(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((name) => [
    `google.protobuf.${name}Value`,
    name.toLowerCase(),
  ]),
);

const is64Bit = (type) => /64$/.test(type);
const isInteger = (type) => /(int|fixed)\d\d$/.test(type);

const jsonName = (field) => field.json ?? field.name;

/** The fields of a message type; none if it has a form of its own. */
function fieldsOf(type) {
  return (!OWN_FORMS[type] && !WRAPPERS.has(type) && schema.messages[type]?.fields) || [];
}

function fieldNamed(type, name) {
  return fieldsOf(type).find((field) => jsonName(field) === name || field.name === name);
}

/** A type, as a proto has it. */
function typeText(field) {
  const one = field.of ? shortName(field.of) : field.type;
  if (field.key) return `map<${field.key}, ${one}>`;
  return field.repeated ? `repeated ${one}` : one;
}

/** `package.Outer.Inner` → `Outer.Inner`; packages are in lower case. */
function shortName(name) {
  const parts = name.split('.');
  const start = parts.findIndex((part) => /^[A-Z]/.test(part));
  return parts.slice(start < 0 ? -1 : start).join('.');
}

/**
 * A message with each of its fields, at any depth, as `change` makes it: it gets the field, its name in `value`, what is
 * in it, and what is at the same place in `other`. Fields without a result are left out.
 */
function mapFields(type, value, change, other) {
  if (type === 'google.protobuf.Any' && typeof value?.['@type'] === 'string') type = value['@type'].split('/').pop();
  if (!isObject(value) || fieldsOf(type).length === 0) return value;
  const result = {};
  for (const [key, child] of Object.entries(value)) {
    const field = fieldNamed(type, key);
    const [name, changed] = field ? change(field, key, child, other?.[jsonName(field)]) : [key, child];
    if (changed !== undefined) result[name] = changed;
  }
  return result;
}

/** `value` of a field, with `change` applied to each message in it. */
function mapMessages(field, value, change, other) {
  if (field.type !== 'message' || value === null) return value;
  if (field.repeated && Array.isArray(value)) return value.map((item, at) => change(field.of, item, other?.[at]));
  if (!field.key) return change(field.of, value, other);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(field.of, item, other?.[key])]));
}

/** What stands where a secret is. */
const MASK = '••••••';

/** A message with `secret` in the place of each field that is marked `debug_redact`. */
function withSecrets(type, value, secret) {
  return mapFields(type, value, (field, key, child) => [
    key,
    field.redacted ? secret : mapMessages(field, child, (of, item) => withSecrets(of, item, secret)),
  ]);
}

const masked = (type, value) => withSecrets(type, value, MASK);
const withoutSecrets = (type, value) => withSecrets(type, value, undefined);
const hasSecrets = (type, value) => JSON.stringify(withoutSecrets(type, value)) !== JSON.stringify(value);

/**
 * A message as it was written: fields by their names in JSON, and masks replaced by what is behind them in `old`. Throws
 * if that is not known.
 */
function unmasked(type, value, old) {
  return mapFields(
    type,
    value,
    (field, _key, child, other) => [
      jsonName(field),
      field.redacted && child === MASK
        ? hiddenBy(field, other)
        : mapMessages(field, child, unmasked, sameItems(child, other)),
    ],
    old,
  );
}

function hiddenBy(field, secret) {
  if (secret === undefined) throw new Error(`${field.name}: what the mask hides is not known, write it again`);
  return secret;
}

/** The old items of a list. Once there are more or fewer, nobody knows which of them is which. */
const sameItems = (items, old) => (Array.isArray(items) && items.length !== old?.length ? undefined : old);

/** Metadata that is a secret by its name. */
const isSecretName = (name) =>
  /auth|bearer|cookie|credential|jwt|key|pass|secret|session|signature|token|-bin$/i.test(name);

/** Headers that browsers let no page set. */
const FORBIDDEN =
  /^(accept-charset|accept-encoding|access-control-.*|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|permissions-policy|proxy-.*|referer|sec-.*|set-cookie|te|trailer|transfer-encoding|upgrade|via)$/i;
