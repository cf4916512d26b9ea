// The page around the calls: links, history, secrets, copies, the keyboard, and those who do not see it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { button, json, messages, send, snippet, start, status } from './explorer.js';

let explorer;
before(async () => (explorer = await start()));
after(async () => {
  await explorer.stop();
  assert.deepEqual(explorer.problems, []);
});

const secretOrder = { customer: "D'Arcy", items: [{ name: '"$HOME" `x` \\ %s ü' }], card: '4111' };

/** Adds metadata, one of which is secret. */
async function addMetadata(page) {
  for (const [number, name, value] of [
    [1, 'tenant', 'north'],
    [2, 'authorization', 'Bearer s3cret'],
  ]) {
    await button(page, 'Add metadata').click();
    await page.getByLabel(`name of metadata ${number}`).fill(name);
    await page.getByLabel(`value of metadata ${number}`).fill(value);
  }
}

test('all services are listed with their comments, which are text', async () => {
  const page = await explorer.open();
  const main = page.getByRole('main');
  await main.getByText('Sells coffee, and tells how it gets on.').waitFor();
  await main.getByText('</script><script>document.title = "broken"</script>').waitFor();
  assert.doesNotMatch(await page.title(), /broken/);
  const packages = await page.locator('.package-name').allTextContents();
  assert.deepEqual(packages, ['shop.v1', 'telemetry', 'grpc.reflection.v1', 'grpc.reflection.v1alpha']);
  await page.getByRole('navigation').getByRole('link', { name: 'Latest unary' }).click();
  await page.getByRole('heading', { name: 'Latest', level: 1 }).waitFor();
  await main.getByText('The name of the series').first().waitFor();
});

test('a link leads to a call, and has no secrets in it', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await addMetadata(page);
  await page.getByLabel('Deadline ms').fill('5000');
  assert.equal(await send(page, secretOrder), 'OK');
  const link = await snippet(page, 'Link');
  assert.equal(page.url(), link);
  assert.doesNotMatch(decodeURIComponent(link), /4111|s3cret|authorization/);
  const other = await explorer.open(new URL(link).hash);
  const { card, ...rest } = secretOrder;
  assert.deepEqual(JSON.parse(await json(other).inputValue()), rest);
  assert.equal(await other.getByLabel('value of metadata 1').inputValue(), 'north');
  assert.equal(await other.getByLabel('Deadline ms').inputValue(), '5000');
});

test('links that somebody has written wrongly lead to an empty call', async () => {
  for (const call of ['{', 'null', '{"messages":7,"metadata":[1,["a"]],"deadline":"x"}', '{"messages":[null,[1]]}']) {
    const page = await explorer.open(`#shop.v1.Orders/PlaceAll?call=${encodeURIComponent(call)}`);
    await page.getByRole('heading', { name: 'PlaceAll', level: 1 }).waitFor();
    await button(page, 'Send').waitFor();
  }
  const page = await explorer.open('#%');
  await page.getByRole('heading', { name: 'Services' }).waitFor();
});

test('calls are remembered in the browser, without secrets, until they are cleared', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await addMetadata(page);
  await send(page, secretOrder);
  await send(page, {});
  await page.goto(`${explorer.origin}/docs#telemetry.Telemetry/Latest`);
  await page.reload();
  const history = page.getByRole('region', { name: 'History' }).getByRole('link');
  assert.equal(await history.count(), 2);
  assert.match(await history.first().textContent(), /Place.*invalid_argument/);
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /4111|s3cret/);
  await history.last().click();
  assert.equal(JSON.parse(await json(page).inputValue()).customer, "D'Arcy");
  await button(page, 'Clear the history').click();
  assert.equal(await history.count(), 0);
  await page.reload();
  assert.equal(await history.count(), 0);
});

test('what is marked as secret is masked', async () => {
  const page = await explorer.open('#shop.v1.Accounts/SignIn');
  const password = page.getByLabel('password string');
  assert.equal(await password.getAttribute('type'), 'password');
  await password.fill('hunter2');
  await page.getByLabel('name string').fill('Ada');
  assert.deepEqual(JSON.parse(await json(page).inputValue()), { password: '••••••', name: 'Ada' });
  // The mask stands for what it hides, also when the JSON around it changes.
  assert.equal(await send(page, { password: '••••••', name: 'Bob' }), 'OK');
  assert.deepEqual(await messages(page), [{ user: 'Bob', token: '••••••' }]);
  for (const kind of ['curl', 'grpcurl', 'Rust']) assert.doesNotMatch(await snippet(page, kind), /hunter2/);
  await button(page, 'Show masked fields').click();
  assert.deepEqual(await messages(page), [{ user: 'Bob', token: 'token-hunter2' }]);
});

test('a mask in a list stands for its own secret, or for none', async () => {
  const page = await explorer.open('#shop.v1.Accounts/SignIn');
  const write = (...pairs) => {
    const companions = pairs.map(([name, password]) => ({ name, password }));
    return json(page).fill(JSON.stringify({ password: '0', companions }));
  };
  let calls = 0;
  page.on('request', (request) => (calls += request.method() === 'POST'));
  await write(['Ada', '1'], ['Bob', '2']);
  await write(['Ada', '••••••'], ['Rob', '••••••']);
  // Of which of the two is it?
  await write(['Rob', '••••••']);
  await page.getByText('password: what the mask hides is not known, write it again').waitFor();
  await button(page, 'Send').click();
  assert.equal(calls, 0);
  await write(['Ada', '••••••'], ['Rob', '••••••']);
  const request = page.waitForRequest(/SignIn/);
  assert.equal(await send(page), 'OK');
  const sent = (await request).postDataJSON().companions;
  assert.deepEqual(sent, [
    { name: 'Ada', password: '1' },
    { name: 'Rob', password: '2' },
  ]);
});

test('metadata that may be secret is not kept', async () => {
  const words = ['auth', 'bearer', 'cookie', 'jwt', 'key', 'passphrase', 'secret', 'Session-ID', 'signature', 'token'];
  const metadata = [...words.map((word) => `x-${word}`), 'some-bin', 'tenant'].map((name) => [name, 's3cret']);
  const page = await explorer.open(`#shop.v1.Orders/Place?${callOf({ metadata })}`);
  await send(page, {});
  for (const text of [page.url(), await page.evaluate(() => JSON.stringify(localStorage))]) {
    const [kept] = /metadata.*\]\]/.exec(decodeURIComponent(text));
    assert.equal(kept.replace(/\\*"/g, ''), 'metadata:[[tenant,s3cret]]');
  }
  for (const kind of ['curl', 'grpcurl', 'Rust']) assert.equal((await snippet(page, kind)).split('s3cret').length, 2);
});

const callOf = (call) => `call=${encodeURIComponent(JSON.stringify(call))}`;

test('no link puts code into what is copied', async () => {
  const metadata = ['x-token$(exit 7)', 'x-token`exit 7`', "token'; exit 7; '", '"token', '1-token', 'tenant'];
  const order = {
    customer: "'; exit 7; '$(exit 7)",
    cash: 'true).into(); std::process::exit(7); (',
    preferences: { '*/ exit(7); /*/': '/* /*/' },
  };
  const call = callOf({ metadata: metadata.map((name) => [name, "'$(exit 7)"]), messages: [order] });
  const page = await explorer.open(`#shop.v1.Orders/Place?${call}`);
  assert.equal(await page.getByLabel(/^name of metadata/).count(), 2);
  const command = await snippet(page, 'curl');
  assert.match(command, /'1-token: '"\$_1_TOKEN"/);
  assert.match(JSON.parse(inShell(command)).message, /cash/);
  const rust = await snippet(page, 'Rust');
  assert.match(rust, /payment: Some\(shop::v1::order::Payment::Cash\(false\)\)/);
  const [, comment] = /Default::default\(\/\* (.*) \*\/\)/.exec(rust);
  assert.deepEqual(JSON.parse(comment), order.preferences);
  assert.doesNotMatch(comment, /\*\/|\/\*/);

  // Nor does who writes a name without thinking of a shell.
  await page.getByLabel('name of metadata 1').fill("x-token$(exit 7)`exit 7`'");
  const quoted = `'x-token$(exit 7)\`exit 7\`'\\'': '"$X_TOKEN_EXIT_7_EXIT_7_"`;
  for (const kind of ['curl', 'grpcurl']) assert.ok((await snippet(page, kind)).includes(quoted));
});

test('a call that is copied as curl works in a shell', async () => {
  const page = await explorer.open('#shop.v1.Orders/Place');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await addMetadata(page);
  const { card, ...order } = secretOrder;
  await json(page).fill(JSON.stringify(order));
  await button(page, 'curl').click();
  await button(page, 'Copy').click();
  await page.getByText('Copied', { exact: true }).waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.doesNotMatch(command, /s3cret/);
  assert.match(command, /'authorization: '"\$AUTHORIZATION"/);
  const placed = JSON.parse(inShell(command));
  assert.deepEqual(placed, { id: '9007199254740993', ...order });
});

test('a stream that is copied as curl works in a shell', async () => {
  const page = await explorer.open('#shop.v1.Orders/Ask');
  await page.getByLabel('text string').fill("It's 100% \\0 ü");
  await button(page, 'Add message').click();
  await page.getByLabel('text string').fill('two');
  const answers = inShell(await snippet(page, 'curl'));
  assert.match(answers, /\{"text":"Yes: It's 100% \\\\0 ü"\}[^]*\{"text":"Yes: two"\}[^]*\{\}$/);
});

test('a call with GET that is copied as curl works in a shell', async () => {
  const page = await explorer.open('#telemetry.Telemetry/Latest');
  await page.getByLabel('series string').fill('room/temperature');
  await page.getByLabel('Send with GET').check();
  assert.equal(JSON.parse(inShell(await snippet(page, 'curl'))).series, 'room/temperature');
});

function inShell(command) {
  return execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

test('grpcurl is told what it needs', async () => {
  const page = await explorer.open('#shop.v1.Orders/Ask');
  await page.getByLabel('text string').fill("it's");
  await button(page, 'Add message').click();
  await addMetadata(page);
  await page.getByLabel('Deadline ms').fill('1500');
  const address = new URL(explorer.origin).host;
  assert.equal(
    await snippet(page, 'grpcurl'),
    [
      'grpcurl -plaintext',
      "-H 'tenant: north'",
      `-H 'authorization: '"$AUTHORIZATION"`,
      '-max-time 1.5',
      `-d '{"text":"it'\\''s"}\n{}'`,
      address,
      'shop.v1.Orders/Ask',
    ].join(' \\\n  '),
  );
});

/** They are compiled with this package (`build.rs`). */
test('calls that are copied as Rust are those that compile', async () => {
  const placed = {
    ...secretOrder,
    id: '-1',
    readyAt: '2026-01-31T12:00:00Z',
    patience: '-1.5s',
    note: 'a "note"\n',
    tip: 2,
    signature: 'AP8=',
    sizes: ['SIZE_LARGE', 'SIZE_UNSPECIFIED'],
    preferences: { hot: true },
    changed: 'tip',
    items: [{ name: 'Tea', quantity: 1, size: 'SIZE_SMALL', extras: { milk: 'oat' } }],
    more: { voucher: { code: 'x', cents: '5' } },
  };
  for (const [name, method, requests] of [
    ['place', 'Place', [placed]],
    ['place_all', 'PlaceAll', [{ cash: true }, {}]],
    ['follow', 'Follow', [{}]],
    ['ask', 'Ask', [{ text: 'a' }]],
  ]) {
    const page = await explorer.open(`#shop.v1.Orders/${method}`);
    if (name === 'place') await addMetadata(page);
    if (name === 'place') await page.getByLabel('Deadline ms').fill('1500');
    for (const [index, request] of requests.entries()) {
      if (index > 0) await button(page, 'Add message').click();
      await json(page).fill(JSON.stringify(request));
    }
    const code = `${(await snippet(page, 'Rust')).replace(explorer.origin, 'http://127.0.0.1:50051')}\n`;
    const file = new URL(`snippets/${name}.rs`, import.meta.url);
    if (process.env.BLESS) writeFileSync(file, code);
    assert.equal(code, readFileSync(file, 'utf8'), `${name}: accept it with BLESS=1`);
  }
});

test('the page is light or dark, as the system is or as was chosen', async () => {
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await explorer.open('', { colorScheme: 'light' });
  const dark = await explorer.open('', { colorScheme: 'dark' });
  const [onLight, onDark] = [await background(light), await background(dark)];
  assert.notEqual(onLight, onDark);
  await button(dark, 'Theme: auto').click();
  assert.equal(await background(dark), onLight);
  await dark.reload();
  assert.equal(await background(dark), onLight);
  await button(dark, 'Theme: light').click();
  assert.equal(await background(dark), onDark);
});

test('everything can be done with the keyboard', async () => {
  const page = await explorer.open();
  const { keyboard } = page;
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await keyboard.press('/');
  await keyboard.type('telemetry latest');
  assert.equal(await page.locator('#services [data-search]:not([hidden])').count(), 1);
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Latest' }).waitFor();
  const focused = () =>
    page.evaluate(
      () =>
        document.activeElement.closest('label, [id]')?.labels?.[0]?.textContent ?? document.activeElement.textContent,
    );
  assert.equal(await focused(), 'Latest');
  for (let presses = 0; (await focused()) !== 'series string'; presses += 1) {
    assert.ok(presses < 20, 'the form is out of reach');
    await keyboard.press('Tab');
  }
  await keyboard.type('room/temperature');
  await keyboard.press('Control+Enter');
  await status(page).getByText('OK').waitFor();

  await page.goto(`${explorer.origin}/docs#shop.v1.Orders/Follow`);
  await keyboard.press('Control+Enter');
  await page.locator('.messages li').first().waitFor();
  await keyboard.press('Escape');
  await status(page).getByText('CANCELLED').waitFor();
});

test('axe finds nothing wrong, in both themes and on small screens', async () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1440, 400]) {
      const page = await explorer.open('', { colorScheme, reducedMotion: 'reduce', viewport: { width, height: 900 } });
      await page.evaluate(axe);
      const scan = async (place) => {
        const { violations } = await page.evaluate(() => window.axe.run());
        const found = violations.map(({ id, nodes }) => [
          id,
          ...nodes.map(({ html, failureSummary }) => [html, failureSummary]),
        ]);
        assert.deepEqual(found, [], `${place}, ${colorScheme}, ${width}`);
        const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(scrolled <= width, `${place} is ${scrolled} wide on ${width}`);
      };
      await scan('the overview');
      await page.goto(`${explorer.origin}/docs#shop.v1.Orders/Place`);
      await button(page, 'Example').click();
      await addMetadata(page);
      await send(page);
      await page.getByText(/^Headers/).click();
      await page.locator('.types > summary').click();
      await scan('a call');
      await send(page, {});
      await scan('a failure');
      await page.goto(`${explorer.origin}/docs#shop.v1.Orders/Ask`);
      await button(page, 'Add message').click();
      await send(page);
      await scan('a stream');
      if (width === 400) {
        await button(page, 'Services').click();
        await scan('the menu');
      }
    }
  }
});
