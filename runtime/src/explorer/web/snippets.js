// A call as a command or code for elsewhere. Secrets are not in it: a mask is in the place of fields that are marked
// `debug_redact`, and a variable of the shell in that of metadata.

const quoted = (text) => `'${text.replace(/'/g, `'\\''`)}'`;

/** An option with a header, in the shell. */
function headerOption(option, [name, value]) {
  if (!isSecretName(name)) return `${option} ${quoted(`${name}: ${value}`)}`;
  return `${option} ${quoted(`${name}: `)}"$${variableOf(name)}"`;
}

/** A name for a variable: no digit is at its start, where the shell has arguments. */
const variableOf = (name) => name.toUpperCase().replace(/^(?=\d)|[^A-Z0-9]+/g, '_');

const maskedMessages = (call) => call.messages.map((message) => masked(call.method.input, message));

function curlSnippet(call) {
  const { method } = call;
  const [first, ...more] = maskedMessages(call);
  const headers = headersOf(call).map((header) => headerOption('--header', header));
  const command = (url, ...rest) => [`curl ${quoted(url)}`, ...headers, ...rest].join(' \\\n  ');
  if (call.usesGet) return command(getUrlOf(method, first));
  if (method.kind === 'unary') return command(urlOf(method), `--data-raw ${quoted(JSON.stringify(first))}`);
  const messages = [first, ...more].map(printfOfEnvelope);
  const printed = more.length === 0 ? messages[0] : `{\n${messages.map((message) => `  ${message}`).join('\n')}\n}`;
  return `${printed} | ${command(urlOf(method), '--no-buffer --output -', '--data-binary @-')}`;
}

/** Writes a message of a stream: a flag and the length, as bytes, before the JSON. */
function printfOfEnvelope(message) {
  const header = [...envelope(message).subarray(0, 5)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`);
  return `printf '${header.join('')}%s' ${quoted(JSON.stringify(message))}`;
}

function grpcurlSnippet(call) {
  const { method, metadata, deadline } = call;
  const hasReflection = schema.services.some(({ name }) => name.startsWith('grpc.reflection.'));
  const options = [
    location.protocol === 'http:' && '-plaintext',
    // Without reflection, grpcurl has to have the protos.
    !hasReflection && method.file && `-proto ${quoted(method.file)}`,
    ...metadata.filter(([name]) => name).map((header) => headerOption('-H', header)),
    deadline && `-max-time ${deadline / 1000}`,
    `-d ${quoted(
      maskedMessages(call)
        .map((message) => JSON.stringify(message))
        .join('\n'),
    )}`,
    location.host.includes(':') ? location.host : `${location.host}:${location.protocol === 'http:' ? 80 : 443}`,
    method.id,
  ];
  return `grpcurl ${options.filter(Boolean).join(' \\\n  ')}`;
}

const SNIPPETS = [
  ['curl', curlSnippet],
  ['grpcurl', grpcurlSnippet],
  ['Rust', rustSnippet],
  ['Link', (call) => `${location.origin}${location.pathname}${linkTo(call)}`],
];

/** Shows a call as each of them. Its `update` is to be called when the call has changed. */
function snippetsView(call) {
  let chosen = storage.get('snippet') ?? 0;
  if (!SNIPPETS[chosen]) chosen = 0;
  const code = h('code', {});
  const note = h('p', { class: 'hint' });
  const copied = h('span', { class: 'hint', role: 'status' });
  const text = () => SNIPPETS[chosen][1](call);
  const update = () => {
    code.replaceChildren(text());
    copied.replaceChildren();
    const isMasked = call.messages.some((message) => hasSecrets(call.method.input, message));
    note.replaceChildren(isMasked || call.metadata.some(([name]) => isSecretName(name)) ? 'Secrets are left out.' : '');
  };
  const choose = (index) => {
    chosen = index;
    storage.set('snippet', index);
    choices.forEach((choice, at) => choice.setAttribute('aria-pressed', String(at === index)));
    update();
  };
  const choices = SNIPPETS.map(([name], index) =>
    button(name, () => choose(index), { class: 'choice', 'aria-pressed': String(index === chosen) }),
  );
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      copied.replaceChildren('Copied');
    } catch {
      // Browsers have no clipboard for pages without TLS, but for those of this machine.
      getSelection().selectAllChildren(code);
      copied.replaceChildren('Selected: copy it with the keyboard');
    }
  };
  update();
  const element = h(
    'section',
    { class: 'card', 'aria-labelledby': 'snippets-title' },
    h(
      'div',
      { class: 'row' },
      h('h2', { id: 'snippets-title' }, 'Copy as'),
      h('div', { class: 'choices', role: 'group', 'aria-labelledby': 'snippets-title' }, choices),
      copied,
      button('Copy', copy, { class: 'small' }),
    ),
    h('pre', { tabindex: 0, role: 'region', 'aria-label': 'The call as code' }, code),
    note,
  );
  return { element, update };
}
