// A plausible message of a type, to begin with.

/** An example of this type, for a message of one of the types `around` it: what contains itself would not end. */
function exampleOf(type, around = []) {
  const own = OWN_FORMS[type];
  if (own) return own.example();
  if (WRAPPERS.has(type)) return exampleScalar({ name: 'value', type: WRAPPERS.get(type) });
  const result = {};
  const oneofs = new Set();
  for (const field of fieldsOf(type)) {
    if (field.deprecated || (field.oneof && oneofs.has(field.oneof))) continue;
    if (field.type === 'message' && [type, ...around].includes(field.of)) continue;
    const value = exampleField(field, [type, ...around]);
    if (value === undefined) continue;
    oneofs.add(field.oneof);
    result[jsonName(field)] = value;
  }
  return result;
}

function exampleField(field, around) {
  const one = field.type === 'message' ? exampleOf(field.of, around) : exampleScalar(field);
  if (one === undefined) return undefined;
  if (field.key) return { [field.key === 'string' ? 'key' : field.key === 'bool' ? 'true' : '1']: one };
  return field.repeated ? [one] : one;
}

/** Names say what is meant, more often than not. */
const EXAMPLES = [
  [/e?mail/, 'ada@example.com'],
  [/(^|_)(url|uri|link|website)/, 'https://example.com/'],
  [/(^|_)(id|uuid|key)$/, '42'],
  [/phone/, '+44 20 7946 0000'],
  [/country/, 'GB'],
  [/city/, 'London'],
  [/language|locale/, 'en'],
  [/currency/, 'EUR'],
  [/first_?name/, 'Ada'],
  [/last_?name/, 'Lovelace'],
  [/name|user|author|owner/, 'Ada'],
  [/date/, '2026-01-31'],
];

function exampleScalar(field) {
  switch (field.type) {
    case 'string':
      return EXAMPLES.find(([name]) => name.test(field.name))?.[1] ?? field.name.replace(/_/g, ' ');
    case 'bytes':
      return btoa(field.name);
    case 'bool':
      return true;
    case 'double':
    case 'float':
      return 1.5;
    case 'enum': {
      const values = schema.enums[field.of]?.values ?? [];
      return (values.find(([, number]) => number !== 0) ?? values[0])?.[0];
    }
    default:
      return is64Bit(field.type) ? '1' : 1;
  }
}
