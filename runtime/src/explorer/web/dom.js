// Elements without a framework. Text is only ever inserted as text: nothing that a server says becomes HTML.

/** An element: `h('label', { for: 'a', onclick: f }, 'Name')`. Attributes and children that are not there are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

const byId = (id) => document.getElementById(id);

function button(text, onclick, attributes) {
  return h('button', { type: 'button', onclick, ...attributes }, text);
}

/** What is read out and not seen. */
const hidden = (text) => h('span', { class: 'hidden' }, text);

const chip = (text, kind) => h('span', { class: `chip ${kind ?? ''}` }, text);

/** A comment of a proto: paragraphs, with `code` in them. */
function prose(comment) {
  if (!comment) return [];
  return comment
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => h('p', { class: 'prose' }, inline(paragraph)));
}

function inline(text) {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? h('code', {}, part) : part));
}

/** A text that can be read and copied. People who use the keyboard scroll it. */
function codeBlock(label, ...content) {
  return h('pre', { tabindex: 0, role: 'region', 'aria-label': label }, h('code', {}, content));
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON whose integers are read to the last digit, as strings, where numbers of JavaScript have too few. */
function parseJson(text) {
  return JSON.parse(text, (_key, value, context) => {
    const isExact = typeof value !== 'number' || !/^-?\d+$/.test(context?.source ?? '') || Number.isSafeInteger(value);
    return isExact ? value : context.source;
  });
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;

/** Longer texts have no colours: each is an element, and browsers slow down. */
const MAX_COLOURED = 200_000;

/** JSON in colours. */
function colouredJson(text) {
  if (text.length > MAX_COLOURED) return [text];
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon] = match;
    const kind = colon ? 'key' : string ? 'string' : 'number';
    parts.push(text.slice(end, match.index), h('span', { class: kind }, string ?? whole), colon);
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

function bytesText(count) {
  return count < 1024
    ? `${count} B`
    : count < 1024 ** 2
      ? `${(count / 1024).toFixed(1)} KiB`
      : `${(count / 1024 ** 2).toFixed(1)} MiB`;
}

function timeText(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** What the browser keeps for this page. Where it keeps nothing, all else works. */
const storage = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`explorer ${base}: ${name}`));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`explorer ${base}: ${name}`, JSON.stringify(value));
    } catch {}
  },
};
