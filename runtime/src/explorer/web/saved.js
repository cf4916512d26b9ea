// Links to calls, and those that were made before. No secret gets into either of them.

const MAX_HISTORY = 50;

/** A call as it may be kept: without fields that are marked `debug_redact`, and without metadata that is secret. */
function kept(call) {
  const messages = call.messages.map((message) => withoutSecrets(call.method.input, message));
  const metadata = call.metadata.filter(([name]) => name && !isSecretName(name));
  const { deadline, usesGet } = call;
  return { messages, metadata, ...(deadline && { deadline }), ...(usesGet && { usesGet }) };
}

function linkTo(call) {
  return `#${call.method.id}?${new URLSearchParams({ call: JSON.stringify(kept(call)) })}`;
}

/** What gRPC takes for the name of metadata. */
const METADATA_NAME = /^[0-9a-z_.-]+$/i;

/** The method and the call that a link leads to. Links are what others write: all of it may be missing or wrong. */
function readLink(hash) {
  const [id, query] = hash.slice(1).split(/\?(.*)/s);
  let name = id;
  let call = {};
  try {
    name = decodeURIComponent(id);
    call = JSON.parse(new URLSearchParams(query).get('call')) ?? {};
  } catch {}
  const isPair = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  const pairs = Array.isArray(call.metadata) ? call.metadata.filter(isPair) : [];
  const messages = Array.isArray(call.messages) && call.messages.length > 0 ? call.messages : [{}];
  return {
    id: name,
    messages: messages.map((message) => (isObject(message) ? message : {})),
    metadata: pairs.filter(([key]) => METADATA_NAME.test(key)),
    deadline: Number.isInteger(call.deadline) && call.deadline > 0 ? call.deadline : undefined,
    usesGet: call.usesGet === true,
  };
}

function remember(call, code, milliseconds) {
  const entry = { id: call.method.id, link: linkTo(call), code, milliseconds, time: Date.now() };
  storage.set('history', [entry, ...(storage.get('history') ?? [])].slice(0, MAX_HISTORY));
  showHistory();
}

function showHistory() {
  const entries = (storage.get('history') ?? []).filter(({ id }) => methods.has(id));
  const title = h('h2', { id: 'history-title' }, 'History');
  if (entries.length === 0) {
    byId('history').replaceChildren(
      title,
      h('p', { class: 'hint' }, 'Calls that you make are listed here, in this browser alone.'),
    );
    return;
  }
  const clear = () => {
    storage.set('history', []);
    showHistory();
    byId('search').focus();
  };
  byId('history').replaceChildren(
    h('div', { class: 'row' }, title, button('Clear', clear, { class: 'quiet', 'aria-label': 'Clear the history' })),
    h('ol', { class: 'history' }, entries.map(historyEntry)),
  );
}

function historyEntry({ id, link, code, milliseconds, time }) {
  const kind = code === 'ok' ? 'good' : 'bad';
  return h(
    'li',
    {},
    h(
      'a',
      { href: link },
      h('span', { class: 'name' }, id.split('/').pop()),
      h('span', { class: `code ${kind}` }, code),
      h('span', { class: 'hint' }, `${new Date(time).toLocaleTimeString()} · ${timeText(milliseconds)}`),
    ),
  );
}
