// What comes back of a call, while it does.

/** How many messages of a stream are kept: one that does not end must not fill the browser. */
const MAX_MESSAGES = 500;

/** `not_found` → `NOT_FOUND`, as gRPC spells it. */
const codeText = (code) => (code === 'canceled' ? 'CANCELLED' : code.toUpperCase());

/** The response to the calls of a method. Its functions are told what happens, as `perform` tells it. */
function responseView(method) {
  const status = h('div', { class: 'status', role: 'status' }, h('span', { class: 'hint' }, 'Nothing was sent yet.'));
  const failure = h('div', {});
  const messages = h('ol', { class: 'messages' });
  const rest = h('div', {});
  const dropped = h('p', { class: 'hint' });
  const reveal = button('Show masked fields', () => showSecrets(!areSecretsShown), {
    class: 'small quiet',
    'aria-pressed': 'false',
    hidden: true,
  });
  const element = h(
    'section',
    { class: 'card response', 'aria-labelledby': 'response-title' },
    h('div', { class: 'row' }, h('h2', { id: 'response-title' }, 'Response'), reveal),
    status,
    failure,
    dropped,
    messages,
    rest,
  );
  let areSecretsShown = false;
  let call;

  function start(sent) {
    call = { sent, received: 0, count: 0, kept: [], start: performance.now() };
    for (const part of [failure, dropped, messages, rest]) part.replaceChildren();
    reveal.hidden = true;
    element.setAttribute('aria-busy', 'true');
    status.replaceChildren(chip(method.kind === 'unary' ? 'Waiting' : 'Streaming', 'busy'));
  }

  function head(response, headers) {
    call.http = `HTTP ${response.status}`;
    rest.replaceChildren(headerTable('Headers', headers));
  }

  function message(json, size) {
    call.count += 1;
    call.received += size;
    const received = { json, size, number: call.count, time: performance.now() - call.start };
    call.kept.push(received);
    if (hasSecrets(method.output, json)) reveal.hidden = false;
    messages.append(messageItem(received));
    if (call.kept.length > MAX_MESSAGES) {
      call.kept.shift();
      messages.firstChild.remove();
      dropped.replaceChildren(`Of ${call.count} messages, the last ${MAX_MESSAGES} are shown.`);
    }
  }

  function end(failed, trailers) {
    const time = performance.now() - call.start;
    const code = failed?.code ?? 'ok';
    element.removeAttribute('aria-busy');
    const facts = [
      call.http,
      timeText(time),
      streamsResponses(method) && `${call.count} ${call.count === 1 ? 'message' : 'messages'}`,
      `${bytesText(call.sent)} sent`,
      call.received > 0 && `${bytesText(call.received)} received`,
    ];
    status.replaceChildren(
      chip(codeText(code), failed ? 'bad' : 'good'),
      h('span', { class: 'facts' }, facts.filter(Boolean).join(' · ')),
    );
    if (failed) failure.replaceChildren(failureView(failed));
    rest.append(headerTable('Trailers', trailers));
    return { code, time };
  }

  function messageItem({ json, size, number, time }) {
    const shown = areSecretsShown ? json : masked(method.output, json);
    const name = method.kind === 'unary' ? 'Message' : `Message ${number}`;
    const facts =
      streamsResponses(method) && h('p', { class: 'hint' }, `${number} · ${timeText(time)} · ${bytesText(size)}`);
    return h('li', {}, facts, codeBlock(name, colouredJson(JSON.stringify(shown, null, 2))));
  }

  function showSecrets(shown) {
    areSecretsShown = shown;
    reveal.setAttribute('aria-pressed', String(shown));
    messages.replaceChildren(...call.kept.map(messageItem));
  }

  return { element, start, head, message, end };
}

function headerTable(title, headers) {
  const rows = headers.map(([name, value]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      h('td', {}, isSecretName(name) && !name.endsWith('-bin') ? MASK : value),
    ),
  );
  return h(
    'details',
    {},
    h('summary', {}, `${title} (${headers.length})`),
    rows.length > 0 ? h('table', {}, h('tbody', {}, rows)) : h('p', { class: 'hint' }, 'none'),
  );
}

/** Those in a failure: whoever has written it may have written anything. */
const detailsOf = (details) => (Array.isArray(details) ? details.filter(isObject) : []);

function failureView({ message, details }) {
  return h('div', { class: 'failure' }, message && h('p', {}, message), detailsOf(details).map(detailView));
}

/** A detail of an error, decoded if its type is known. */
function detailView({ type, value }) {
  let content;
  try {
    const decoded = masked(type, decode(type, fromBase64(value)));
    content = codeBlock(type, colouredJson(JSON.stringify(decoded, null, 2)));
  } catch (problem) {
    content = [codeBlock(type, value), h('p', { class: 'hint' }, `In Base64: ${problem.message}.`)];
  }
  return h('div', { class: 'detail' }, h('h3', {}, type), content);
}

/** The fields that a failure says are wrong, and why. */
function* problemsOf({ code, message, details }) {
  if (code !== 'invalid_argument') return;
  for (const { field, description } of detailsOf(details).flatMap(violationsOf)) {
    if (field) yield [field, description ?? 'is wrong'];
  }
  const placed = /^([A-Za-z_][\w.]*(?:\[[^\]]*\][\w.]*)*): (.+)/s.exec(message ?? '');
  if (placed) yield [placed[1], placed[2]];
}

function violationsOf({ type, value }) {
  if (type !== 'google.rpc.BadRequest') return [];
  try {
    return decode(type, fromBase64(value)).fieldViolations ?? [];
  } catch {
    // It is shown as it came, with the reason.
    return [];
  }
}
