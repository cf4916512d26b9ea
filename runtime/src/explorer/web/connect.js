// Calls, in the Connect protocol with JSON: https://connectrpc.com/docs/protocol/.

const END_OF_STREAM = 2;

function urlOf(method) {
  return `${location.origin}${base}/${method.id}`;
}

/** The address of a call without side effects, whose message is in it. */
function getUrlOf(method, message) {
  return `${urlOf(method)}?${new URLSearchParams({ connect: 'v1', encoding: 'json', message: JSON.stringify(message) })}`;
}

/** The headers of a call, as names and values. */
function headersOf(call) {
  const { method, metadata, deadline } = call;
  const headers = [];
  const isStream = method.kind !== 'unary';
  if (!call.usesGet) headers.push(['content-type', isStream ? 'application/connect+json' : 'application/json']);
  if (!call.usesGet) headers.push(['connect-protocol-version', '1']);
  if (deadline) headers.push(['connect-timeout-ms', String(deadline)]);
  return [...headers, ...metadata.filter(([name]) => name)];
}

function fetchHeaders(call) {
  const headers = new Headers();
  for (const [name, value] of headersOf(call)) {
    try {
      headers.append(name, value);
    } catch {
      throw { code: 'invalid_argument', message: `not sent: ${JSON.stringify(name)} with this value is no header` };
    }
  }
  return headers;
}

/** A message with the header that it has in a stream: flags and length. */
function envelope(message) {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  const framed = new Uint8Array(bytes.length + 5);
  new DataView(framed.buffer).setUint32(1, bytes.length);
  framed.set(bytes, 5);
  return framed;
}

/**
 * Makes a call. What comes back is told to `on`: `head` (the response and its headers), `message` (JSON and its size), and
 * at last `end` (a failure or none, and the trailers).
 */
async function perform(call, signal, on) {
  let end;
  try {
    end = await exchange(call, signal, on);
  } catch (error) {
    end = [brokenBy(error, signal), []];
  }
  // If showing the end fails, the call has not: it ends once, with its own status.
  on.end(...end);
}

/** Sends a request and reads its response. Returns how the call has ended: what `end` is told. */
async function exchange(call, signal, on) {
  const isStream = call.method.kind !== 'unary';
  const [first = {}] = call.messages;
  const request = { method: 'POST', headers: fetchHeaders(call), signal, cache: 'no-store' };
  if (call.usesGet) request.method = 'GET';
  // A browser sends all of a request before it shows anything of the response.
  else request.body = isStream ? new Blob(call.messages.map(envelope)) : JSON.stringify(first);
  const url = call.usesGet ? getUrlOf(call.method, first) : urlOf(call.method);
  const response = await fetch(url, request);
  const [head, trailers] = splitTrailers([...response.headers]);
  on.head(response, head);
  const isConnect = response.ok && /^application\/(connect\+)?json/.test(response.headers.get('content-type') ?? '');
  if (!isConnect) return [await failureOf(response), trailers];
  if (isStream) return readStream(response.body, on);
  on.message(...(await wholeMessage(response)));
  return [null, trailers];
}

async function wholeMessage(response) {
  const bytes = await response.arrayBuffer();
  return [parseJson(new TextDecoder().decode(bytes)), bytes.byteLength];
}

/** Unary calls have their trailers among the headers, with a prefix. */
function splitTrailers(headers) {
  const isTrailer = ([name]) => name.startsWith('trailer-');
  const trailers = headers.filter(isTrailer).map(([name, value]) => [name.slice('trailer-'.length), value]);
  return [headers.filter((header) => !isTrailer(header)), trailers];
}

/** Reads the messages of a stream as they arrive, and returns its end. */
async function readStream(body, on) {
  const reader = body.getReader();
  let buffered = new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('the stream has ended without a status');
    buffered = joined(buffered, value);
    for (let length; (length = envelopeLength(buffered)) <= buffered.length; buffered = buffered.subarray(length)) {
      const message = parseJson(new TextDecoder().decode(buffered.subarray(5, length)));
      if (buffered[0] & END_OF_STREAM) return endOfStream(message);
      on.message(message, length - 5);
    }
  }
}

function endOfStream({ error, metadata }) {
  const trailers = Object.entries(metadata ?? {}).flatMap(([name, values]) => values.map((value) => [name, value]));
  return [error ?? null, trailers];
}

function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The length of the envelope that `bytes` begin with; infinite while that is not known. */
function envelopeLength(bytes) {
  if (bytes.length < 5) return Infinity;
  return 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
}

/** The failure in a response that is not what was asked for: in JSON, or from somebody who does not speak Connect. */
async function failureOf(response) {
  const text = await response.text();
  try {
    const failure = JSON.parse(text);
    if (typeof failure.code === 'string') return failure;
  } catch {}
  return { code: `http ${response.status}`, message: text.trim().slice(0, 2000) || response.statusText };
}

function brokenBy(error, signal) {
  if (signal.aborted) return { code: 'canceled', message: 'stopped here' };
  if (error.code) return error;
  if (error instanceof TypeError)
    return { code: 'unavailable', message: `the connection has failed: ${error.message}` };
  return { code: 'internal', message: error.message };
}
