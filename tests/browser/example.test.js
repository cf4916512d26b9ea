// The page of examples/browser, which calls a server of another origin with the clients of npm.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launch, startServer } from './explorer.js';

const PAGE = new URL('../../examples/browser/web/dist/', import.meta.url);
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

let files, browser, page, server;

before(async () => {
  files = createServer(async (request, response) => {
    const name = request.url.split('?')[0].slice(1) || 'index.html';
    response.setHeader('content-type', TYPES[name.split('.').pop()]);
    response.end(await readFile(new URL(name, PAGE)));
  });
  files.listen(0, '127.0.0.1');
  await once(files, 'listening');
  const origin = `http://127.0.0.1:${files.address().port}`;
  server = await startServer(`${process.env.PROGRAMS}/calls-from-a-browser`, origin, '127.0.0.1:0');
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${origin}/?server=${server.origin}`);
});

after(async () => {
  await browser.close();
  server.server.kill();
  files.close();
});

for (const [protocol, contentType] of [
  ['grpcWeb', 'application/grpc-web-text'],
  ['connect', 'application/json'],
]) {
  test(`the calculator is called by ${protocol}`, async () => {
    const result = page.locator('#result');
    await page.getByLabel('protocol').selectOption(protocol);
    await page.getByLabel('a', { exact: true }).fill('5');
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await page.getByRole('button', { name: 'Add' }).click();
    assert.equal((await sent).headers()['content-type'], contentType);
    await result.getByText('8', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Subtract' }).click();
    await result.getByText('2', { exact: true }).waitFor();
    // The status of a failure arrives as well.
    await page.getByLabel('a', { exact: true }).fill('2147483647');
    await page.getByRole('button', { name: 'Add' }).click();
    await result.getByText('int32').waitFor();
  });
}

test('a stream is watched until it is stopped', async () => {
  await page.getByRole('button', { name: 'Watch' }).click();
  await page.waitForFunction(() => document.getElementById('line').points.length >= 3);
  await page.locator('#latest').getByText('°C').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Watch' }).waitFor();
});

test('pages of other origins may not call it', async () => {
  const problem = await page.evaluate(async (server) => {
    // An opaque origin.
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = `<script>fetch(${JSON.stringify(server)} + '/calculator.Calculator/Add', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}',
    }).then(() => 'allowed', () => 'refused').then((outcome) => parent.postMessage(outcome, '*'))</script>`;
    const answer = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data), { once: true }));
    document.body.append(frame);
    return answer;
  }, server.origin);
  assert.equal(problem, 'refused');
});
