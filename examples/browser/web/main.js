// Calls the calculator by gRPC-Web and by Connect, and watches telemetry.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { GrpcWebClientBase, MethodDescriptor, MethodType } from 'grpc-web';
import { Calculator } from './generated/calculator_pb.js';
import { Telemetry } from './generated/telemetry_pb.js';

const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:50051';

const transport = createConnectTransport({ baseUrl: server });
const connect = createClient(Calculator, transport);
const grpcWeb = new GrpcWebClientBase({ format: 'text' });

/** A method as grpc-web calls it. Its own generator, which writes these, is not on npm. */
function grpcWebCall(method, request) {
  const path = `/${method.parent.typeName}/${method.name}`;
  const serialize = (message) => toBinary(method.input, message);
  const deserialize = (bytes) => fromBinary(method.output, bytes);
  const descriptor = new MethodDescriptor(path, MethodType.UNARY, Object, Object, serialize, deserialize);
  return grpcWeb.unaryCall(`${server}${path}`, create(method.input, request), {}, descriptor);
}

const clients = {
  connect: (name, request) => connect[name](request),
  grpcWeb: (name, request) => grpcWebCall(Calculator.method[name], request),
};

const byId = (id) => document.getElementById(id);

byId('calculator').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = new FormData(event.target, event.submitter);
  const request = { a: Number(form.get('a')), b: Number(form.get('b')) };
  try {
    const { result } = await clients[form.get('protocol')](form.get('method'), request);
    byId('result').value = result;
  } catch (error) {
    byId('result').value = error.message;
  }
});

const SHOWN = 60;
let watching;

byId('watch').addEventListener('click', () => {
  if (watching) {
    watching.abort();
    watching = undefined;
  } else {
    watching = new AbortController();
    watch(watching.signal);
  }
  byId('watch').textContent = watching ? 'Stop' : 'Watch';
});

async function watch(signal) {
  const points = [];
  try {
    for await (const point of createClient(Telemetry, transport).watch({ series: 'room/temperature' }, { signal })) {
      points.push(point.value.value);
      show(points.slice(-SHOWN));
    }
  } catch (error) {
    if (!signal.aborted) byId('latest').value = ConnectError.from(error).message;
  }
}

/** The temperatures from 18 to 24 degrees, from the bottom to the top. */
function show(points) {
  const place = (value, index) => `${(index / (SHOWN - 1)) * 600},${120 - (value - 18) * 20}`;
  byId('line').setAttribute('points', points.map(place).join(' '));
  byId('latest').value = `${points.at(-1).toFixed(2)} °C`;
}
