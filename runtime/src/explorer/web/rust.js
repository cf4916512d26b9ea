// A call in Rust, with the names that the generator gives.

const RUST_KEYWORDS = new Set(
  `abstract as async await become box break const continue do dyn else enum false final fn for gen if impl in let loop macro
  match mod move mut override priv pub ref return static struct trait true try type typeof unsafe unsized use virtual where
  while yield`.split(/\s+/),
);

function rustIdent(name) {
  if (RUST_KEYWORDS.has(name)) return `r#${name}`;
  return ['super', 'self', 'Self', 'crate', 'extern'].includes(name) ? `${name}_` : name;
}

/** `GetHTTPStatus` → `get`, `http`, `status`. */
function wordsOf(name) {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return spaced
    .split(/[\s_]+/)
    .filter(Boolean)
    .map((word) => word.toLowerCase());
}

const snakeCase = (name) => rustIdent(wordsOf(name).join('_'));
const camelCase = (name) =>
  rustIdent(
    wordsOf(name)
      .map((word) => word[0].toUpperCase() + word.slice(1))
      .join(''),
  );

/** The path of a type: those inside of a message are in a module with its name. */
function rustPath(name, suffix = '') {
  const parts = name.split('.');
  return [...parts.slice(0, -1).map(snakeCase), camelCase(parts.at(-1)) + suffix].join('::');
}

const rustString = (text) =>
  `"${text
    .replace(/[\\"]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/[\0-\x1f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;

const indented = (text) => text.replace(/^(?=.)/gm, '    ');

function rustMessage(type, value) {
  const fields = fieldsOf(type);
  const lines = [];
  const oneofs = new Set(fields.map((field) => field.oneof).filter(Boolean));
  const isWhole = Object.keys(value).length === fields.filter((field) => !field.oneof).length + oneofs.size;
  for (const field of fields) {
    const content = value[jsonName(field)];
    if (content === undefined || content === null) continue;
    const name = snakeCase(field.oneof ?? field.name);
    lines.push(`${name}: ${field.oneof ? rustOneof(type, field, content) : rustField(type, field, content)},`);
  }
  if (lines.length === 0) return `${rustPath(type)}::default()`;
  if (!isWhole) lines.push('..Default::default()');
  return `${rustPath(type)} {\n${indented(lines.join('\n'))}\n}`;
}

function rustOneof(type, field, content) {
  const path = [...type.split('.').map(snakeCase), camelCase(field.oneof), camelCase(field.name)].join('::');
  return `Some(${path}(${boxed(type, field, rustValue(field, content))}))`;
}

function rustField(type, field, content) {
  if (field.key) {
    const entries = Object.entries(isObject(content) ? content : {});
    return `[${entries.map(([key, one]) => `(${rustScalar(field.key, key)}, ${rustValue(field, one)})`).join(', ')}].into()`;
  }
  if (field.repeated) {
    return `vec![${(Array.isArray(content) ? content : []).map((one) => rustValue(field, one)).join(', ')}]`;
  }
  const one = boxed(type, field, rustValue(field, content));
  return field.optional || field.type === 'message' ? `Some(${one})` : one;
}

/** Messages that contain themselves are in boxes. */
function boxed(type, field, text) {
  return field.type === 'message' && contains(field.of, type) ? `Box::new(${text})` : text;
}

function contains(outer, inner, seen = new Set()) {
  if (outer === inner) return true;
  if (seen.has(outer)) return false;
  seen.add(outer);
  return fieldsOf(outer).some(
    (field) => field.type === 'message' && !field.repeated && !field.key && contains(field.of, inner, seen),
  );
}

function rustValue(field, value) {
  if (field.type === 'enum') return rustEnum(field.of, value);
  if (field.type !== 'message') return rustScalar(field.type, value);
  if (WRAPPERS.has(field.of)) return rustScalar(WRAPPERS.get(field.of), value);
  if (field.of === 'google.protobuf.Duration' && typeof value === 'string') return rustDuration(value);
  if (field.of === 'google.protobuf.Timestamp' && typeof value === 'string') {
    return `${rustString(value)}.parse::<rust_scaffold::prost_types::Timestamp>()?`;
  }
  // What has a form of its own in JSON has none of that in Rust. An asterisk could end the comment, or begin another.
  if (OWN_FORMS[field.of]) return `Default::default(/* ${JSON.stringify(value).replaceAll('*', '\\u002a')} */)`;
  return isObject(value) ? rustMessage(field.of, value) : `${rustPath(field.of)}::default()`;
}

function rustDuration(text) {
  const [, sign, seconds, fraction = ''] = /^(-?)(\d*)\.?(\d*)s$/.exec(text) ?? [null, '', '0'];
  const nanos = Number(fraction.padEnd(9, '0').slice(0, 9));
  return `rust_scaffold::prost_types::Duration { seconds: ${sign}${seconds || 0}, nanos: ${nanos && sign}${nanos} }`;
}

function rustEnum(type, value) {
  const named = schema.enums[type]?.values.find(([name, number]) => name === value || number === value);
  if (!named) return String(Number(value) || 0);
  const enumeration = camelCase(type.split('.').pop());
  const name = camelCase(named[0]);
  const rest = name.startsWith(enumeration) ? name.slice(enumeration.length) : '';
  return `${rustPath(type)}::${rustIdent(/^[A-Z]/.test(rest) ? rest : name)}.into()`;
}

function rustScalar(type, value) {
  if (type === 'string') return `${rustString(String(value))}.into()`;
  if (type === 'bytes') return `vec![${bytesOf(value).join(', ')}]`;
  if (type === 'bool') return String(value === true || value === 'true');
  if (type === 'double' || type === 'float') {
    const number = Number(value);
    if (!Number.isFinite(number))
      return `${type === 'double' ? 'f64' : 'f32'}::${Number.isNaN(number) ? 'NAN' : number > 0 ? 'INFINITY' : 'NEG_INFINITY'}`;
    return Number.isInteger(number) ? number.toFixed(1) : String(number);
  }
  return /^-?\d+$/.test(String(value)) ? String(value) : '0';
}

function bytesOf(text) {
  try {
    return [...fromBase64(String(text))];
  } catch {
    return [];
  }
}

function rustSnippet(call) {
  const { method, metadata, deadline } = call;
  const messages = maskedMessages(call).map((message) => rustValue({ type: 'message', of: method.input }, message));
  const list =
    messages.length === 1 ? `[${messages[0]}]` : `[\n${indented(messages.map((one) => `${one},`).join('\n'))}\n]`;
  const request = streamsRequests(method) ? `Streaming::from_iter(${list})` : messages[0];
  const named = metadata.filter(([name]) => name);
  const hasOptions = named.length > 0 || deadline;
  const imports = [hasOptions && 'Request', streamsRequests(method) && 'Streaming'].filter(Boolean);
  const lines = [
    `// The code for ${method.file ?? 'the proto'} is in modules with the names of its packages.`,
    imports.length > 0 && `use rust_scaffold::${imports.length > 1 ? `{${imports.join(', ')}}` : imports[0]};\n`,
    `let client = ${rustPath(method.service, 'Client')}::connect(${rustString(location.origin)}).await?;`,
    hasOptions ? `let mut request = Request::new(${request});` : `let request = ${request};`,
    ...named.map(rustMetadata),
    deadline && `request.set_timeout(std::time::Duration::from_millis(${deadline}));`,
    `let ${streamsResponses(method) ? 'mut responses' : 'response'} = client.${snakeCase(method.name)}(request).await?.into_inner();`,
    streamsResponses(method)
      ? 'while let Some(response) = responses.message().await? {\n    println!("{response:?}");\n}'
      : 'println!("{response:?}");',
  ];
  return lines.filter(Boolean).join('\n');
}

function rustMetadata([name, value]) {
  const text = isSecretName(name) ? `std::env::var("${variableOf(name)}")?` : rustString(value);
  if (!name.endsWith('-bin')) return `request.metadata_mut().insert(${rustString(name)}, ${text}.parse()?);`;
  return `request.metadata_mut().insert_bin(${rustString(name)}, rust_scaffold::metadata::MetadataValue::from_bytes(${text}.as_bytes()));`;
}
