// Calls of each kind, from the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { button, json, messages, send, start, status } from './explorer.js';

let explorer;
before(async () => (explorer = await start()));
after(async () => {
  await explorer.stop();
  assert.deepEqual(explorer.problems, []);
});

const order = { customer: 'Ada', items: [{ name: 'Espresso', quantity: 2 }] };

test('a form and JSON show the same request', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await page.getByLabel('customer string').fill('Ada');
  await button(page, 'Add to items').click();
  await page.getByLabel('name string').fill('Espresso');
  await page.getByLabel('size Size').selectOption('SIZE_LARGE');
  await button(page, 'Add to extras').click();
  await page.getByLabel('key of extras 1').fill('milk');
  await page.getByLabel('value of extras 1').fill('oat');
  await page.getByLabel('which of payment').selectOption('voucher');
  await page.getByLabel('cents uint64').fill('18446744073709551615');
  const written = JSON.parse(await json(page).inputValue());
  assert.deepEqual(written, {
    customer: 'Ada',
    items: [{ name: 'Espresso', size: 'SIZE_LARGE', extras: { milk: 'oat' } }],
    voucher: { cents: '18446744073709551615' },
  });

  // Both names of a field are read, and numbers to the last digit.
  await json(page).fill('{"ready_at":"2026-01-31T12:00:00Z","id":9007199254740993,"cash":true,"sizes":["SIZE_SMALL"]}');
  assert.equal(await page.getByLabel('ready_at Timestamp').inputValue(), '2026-01-31T12:00:00Z');
  assert.equal(await page.getByLabel('id int64').inputValue(), '9007199254740993');
  assert.equal(await page.getByLabel('cash bool').isChecked(), true);
  assert.equal(await page.getByLabel('sizes 1', { exact: true }).inputValue(), 'SIZE_SMALL');

  await json(page).fill('{"customer":');
  assert.notEqual(await page.locator('#json-problem').textContent(), '');
});

test('nothing is sent while something cannot be read', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  let calls = 0;
  page.on('request', (request) => (calls += request.method() === 'POST'));
  for (const [label, wrong, right] of [
    ['Request as JSON', '{"items":[{}]', '{"items":[{}]}'],
    ['preferences Struct', '{"hot"', '{"hot":true}'],
    ['Deadline ms', 'soon', '30000'],
  ]) {
    const input = page.getByLabel(label);
    await input.fill(wrong);
    await button(page, 'Send').click();
    assert.equal(await input.evaluate((input) => input === document.activeElement), true);
    assert.equal(await input.getAttribute('aria-invalid'), '');
    assert.equal(calls, 0);
    await input.fill(right);
    assert.equal(await input.getAttribute('aria-invalid'), null);
  }
  assert.equal(await send(page), 'OK');
  assert.equal((await messages(page))[0].preferences.hot, true);
});

test('a unary call shows its message, its metadata and its trailers', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await button(page, 'Add metadata').click();
  await page.getByLabel('name of metadata 1').fill('Tenant');
  await page.getByLabel('value of metadata 1').fill('north');
  assert.equal(await send(page, order), 'OK');
  assert.match(await status(page).textContent(), /HTTP 200 · .+ sent · .+ received/);
  assert.deepEqual(await messages(page), [{ id: '9007199254740993', ...order }]);
  await page.getByText(/^Headers/).click();
  await page.getByRole('row', { name: 'tenant north' }).waitFor();
  await page.getByText('Trailers (1)').click();
  await page.getByRole('row', { name: 'cups 1' }).waitFor();
});

test('an example is a request that the server takes', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await button(page, 'Example').click();
  assert.equal(await send(page), 'OK');
  const [placed] = await messages(page);
  assert.equal(placed.items.length, 1);
  await button(page, 'Clear').click();
  assert.equal(await json(page).inputValue(), '{}');
});

test('a method without side effects can be called with GET', async () => {
  const page = await explorer.open('#shop.v1.Orders/CountGone');
  await page.getByLabel('Send with GET').check();
  const request = page.waitForRequest(/CountGone/);
  assert.equal(await send(page, { text: 'ü&=' }), 'OK');
  assert.equal((await request).method(), 'GET');
});

test('the details of an error are decoded where their types are known', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  assert.equal(await send(page, { ...order, customer: 'nobody' }), 'FAILED_PRECONDITION');
  assert.match(await page.locator('.failure').textContent(), /nobody orders nothing/);
  const known = await page.getByRole('region', { name: 'shop.v1.Refusal' }).textContent();
  assert.deepEqual(JSON.parse(known), { apology: 'Sorry', times: -2 });
  assert.equal(await page.getByRole('region', { name: 'other.Unknown' }).textContent(), 'CAE');
});

test('details that are broken do not change the status', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  let details;
  await page.route('**/shop.v1.Orders/Place', (route) =>
    route.fulfill({ status: 400, json: { code: 'invalid_argument', message: 'customer: missing', details } }),
  );
  for (details of [[{ type: 'google.rpc.BadRequest', value: '%' }, { type: 'google.rpc.BadRequest' }, null], 7]) {
    assert.equal(await send(page, {}), 'INVALID_ARGUMENT');
    await page.locator('[data-path="customer"] > .problem', { hasText: 'missing' }).waitFor();
    assert.match(await page.locator('.history .code').first().textContent(), /invalid_argument/);
    assert.equal(await page.locator('.detail').count(), Array.isArray(details) ? 2 : 0);
  }
});

test('what is wrong with a field is shown there', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  assert.equal(await send(page, { customer: 'Ada' }), 'INVALID_ARGUMENT');
  await page.locator('[data-path="items"] > .problem', { hasText: 'an order needs items' }).waitFor();
  // By the text of an error without details.
  assert.equal(await send(page, { items: [{}, { quantity: 'two' }] }), 'INVALID_ARGUMENT');
  await page.locator('[data-path="items[1].quantity"] > .problem', { hasText: 'expected uint32, got "two"' }).waitFor();
  assert.equal(await page.getByLabel('quantity uint32').nth(1).getAttribute('aria-invalid'), 'true');
  assert.equal(await send(page, order), 'OK');
  assert.equal(await page.locator('.form .problem').count(), 0);
});

test('a call ends at its deadline', async () => {
  const page = await explorer.open('#shop.v1.Orders/Wait');
  await page.getByLabel('Deadline ms').fill('50');
  assert.equal(await send(page, {}), 'DEADLINE_EXCEEDED');
});

test('the messages of a client stream are sent together', async () => {
  const page = await explorer.open('#shop.v1.Orders/PlaceAll');
  await page.getByText('the messages are sent together').waitFor();
  await page.getByLabel('id int64').fill('7');
  await button(page, 'Add message').click();
  await page.getByLabel('id int64').fill('8');
  await button(page, 'Message 1').click();
  assert.equal(await page.getByLabel('id int64').inputValue(), '7');
  assert.equal(await send(page), 'OK');
  assert.deepEqual(await messages(page), [{ orders: 2, ids: ['7', '8'] }]);
});

test('streams in both directions are half duplex', async () => {
  const page = await explorer.open('#shop.v1.Orders/Ask');
  await page.getByText('answered after that').waitFor();
  await page.getByLabel('text string').fill('Größe?');
  await button(page, 'Add message').click();
  assert.equal(await send(page, { text: 'two' }), 'OK');
  assert.deepEqual(await messages(page), [{ text: 'Yes: Größe?' }, { text: 'Yes: two' }]);
});

test('a stream is shown while it runs, and the server sees that it is stopped', async () => {
  const page = await explorer.open('#shop.v1.Orders/Follow');
  await button(page, 'Send').click();
  await page.locator('.messages li').nth(2).waitFor();
  assert.equal(await status(page).textContent(), 'Streaming');
  await button(page, 'Stop').click();
  await status(page).getByText('CANCELLED').waitFor();
  assert.equal(await button(page, 'Stop').isDisabled(), true);
  await page.waitForFunction(async () => {
    const response = await fetch('/shop.v1.Orders/CountGone', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    return (await response.json()).count === 1;
  });
});

test('a stream that goes on shows its last messages', async () => {
  const page = await explorer.open('#telemetry.Telemetry/Tail');
  const queries = Array.from({ length: 120 }, () => ({ series: 'room/temperature', limit: 5 }));
  const call = encodeURIComponent(JSON.stringify({ messages: queries }));
  await page.goto(`${explorer.origin}/docs#telemetry.Telemetry/Tail?call=${call}`);
  assert.equal(await send(page), 'OK');
  assert.match(await status(page).textContent(), /600 messages/);
  assert.equal(await page.locator('.messages li').count(), 500);
  await page.getByText('Of 600 messages, the last 500 are shown.').waitFor();
});
