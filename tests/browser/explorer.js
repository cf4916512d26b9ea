// A server, and a browser that looks at its explorer.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts the program, and waits until it says where it listens. */
export async function startServer(program, ...args) {
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(server.stdout, 'data');
  return { server, origin: `http://${/ on (\S+)/.exec(line)[1]}` };
}

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/** Starts both. `open` gives a page of the explorer; nothing on it may break. */
export async function start() {
  const { server, origin } = await startServer(`${process.env.PROGRAMS}/browser`);
  const browser = await launch();
  const problems = [];

  async function open(path = '', options = {}) {
    const context =
      options.context ?? (await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options }));
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.stack));
    page.on('console', (message) => /Content Security Policy/.test(message.text()) && problems.push(message.text()));
    page.on('request', (request) => {
      if (!/^(data:|blob:)/.test(request.url()) && new URL(request.url()).origin !== origin)
        problems.push(request.url());
    });
    await page.goto(`${origin}/docs${path}`);
    return page;
  }

  async function stop() {
    await browser.close();
    server.kill();
  }

  return { origin, open, stop, problems };
}

export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const status = (page) => page.locator('.response [role=status]');
export const json = (page) => page.getByLabel('Request as JSON');

/** Writes a request as JSON, sends it, and waits for the end of the call. */
export async function send(page, request) {
  if (request !== undefined) await json(page).fill(JSON.stringify(request));
  await button(page, 'Send').click();
  await page.locator('.response:not([aria-busy]) .chip:not(.busy)').first().waitFor();
  return status(page).locator('.chip').textContent();
}

/** The messages that are shown, as JSON. */
export async function messages(page) {
  return (await page.locator('.messages pre').allTextContents()).map((text) => JSON.parse(text));
}

/** The call as it is shown for elsewhere: `curl`, `Rust` and the like. */
export async function snippet(page, kind) {
  await button(page, kind).click();
  return page.getByRole('region', { name: 'The call as code' }).textContent();
}
