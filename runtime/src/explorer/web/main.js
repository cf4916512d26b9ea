// The frame of the page: the list of services, the way from one method to another, the keyboard, and the theme.

let page;

/** The services by package; those that a server brings itself are last. */
function packages() {
  const isBuiltin = ({ name }) => name.startsWith('grpc.');
  const services = [...schema.services].sort((one, other) => isBuiltin(one) - isBuiltin(other));
  return Map.groupBy(services, ({ name }) => name.split('.').slice(0, -1).join('.'));
}

function showServices() {
  const list = [...packages()].map(([name, services]) =>
    h(
      'li',
      { class: 'package' },
      h('span', { class: 'package-name' }, name || 'no package'),
      h('ul', {}, services.map(serviceItem)),
    ),
  );
  byId('services').replaceChildren(h('ul', {}, list));
}

function serviceItem(service) {
  return h(
    'li',
    {},
    h('a', { class: 'service', href: `#${service.name}` }, service.name.split('.').pop()),
    h(
      'ul',
      {},
      (service.methods ?? []).map((method) => methodItem(`${service.name}/${method.name}`, method)),
    ),
  );
}

function methodItem(id, method) {
  return h(
    'li',
    { 'data-search': id.toLowerCase() },
    h(
      'a',
      { class: method.deprecated ? 'method old' : 'method', href: `#${id}` },
      h('span', {}, method.name),
      hidden(` ${KINDS[method.kind].name}`),
      h('span', { class: 'arrow', 'aria-hidden': 'true', title: KINDS[method.kind].name }, KINDS[method.kind].arrow),
    ),
  );
}

/** Shows the methods whose names have all words in them. */
function search() {
  const words = byId('search')
    .value.toLowerCase()
    .split(/[\s./]+/)
    .filter(Boolean);
  for (const entry of byId('services').querySelectorAll('[data-search]')) {
    entry.hidden = !words.every((word) => entry.dataset.search.includes(word));
  }
  for (const list of byId('services').querySelectorAll('li:has(> ul)')) {
    list.hidden = words.length > 0 && !list.querySelector('[data-search]:not([hidden])');
  }
}

function openFirstMatch() {
  const first = byId('services').querySelector('[data-search]:not([hidden]) a');
  if (first) location.hash = first.getAttribute('href');
}

/** What there is, for reading: all services, or one. */
function overview(services) {
  const isAll = services.length !== 1 || !location.hash.slice(1);
  const heading = (service) =>
    isAll ? h('h2', {}, h('a', { href: `#${service.name}` }, service.name)) : h('h1', { tabindex: -1 }, service.name);
  return h(
    'article',
    {},
    isAll &&
      h(
        'header',
        { class: 'title' },
        h('h1', { tabindex: -1 }, 'Services'),
        h('p', { class: 'prose' }, `of ${location.host}`),
      ),
    services.map((service) =>
      h(
        'section',
        { class: 'card overview' },
        h('div', { class: 'row start' }, heading(service), service.deprecated && chip('deprecated', 'warn')),
        prose(service.comment),
        service.methods
          ? h(
              'ul',
              {},
              service.methods.map((method) => overviewItem(service, method)),
            )
          : h(
              'p',
              { class: 'hint' },
              'The server has no descriptors of this service, so that its methods are not known.',
            ),
      ),
    ),
  );
}

function overviewItem(service, method) {
  return h(
    'li',
    {},
    h(
      'p',
      { class: 'row start' },
      h('a', { href: `#${service.name}/${method.name}` }, method.name),
      method.kind !== 'unary' && chip(KINDS[method.kind].name),
      method.deprecated && chip('deprecated', 'warn'),
    ),
    h(
      'p',
      { class: 'signature' },
      h('code', {}, `${shortName(method.input)} ${KINDS[method.kind].arrow} ${shortName(method.output)}`),
    ),
    prose(method.comment?.split(/\n\s*\n/)[0]),
  );
}

/** Shows what the address says. */
function route() {
  page?.stop();
  const link = readLink(location.hash);
  const method = methods.get(link.id);
  const service = schema.services.find(({ name }) => name === link.id);
  page = method && methodPage(method, link);
  const services = [...packages().values()].flat();
  byId('main').replaceChildren(page?.element ?? overview(service ? [service] : services));
  document.title = [method?.name ?? service?.name, 'Explorer', location.host].filter(Boolean).join(' · ');
  for (const anchor of byId('services').querySelectorAll('a')) {
    const isCurrent = link.id && anchor.getAttribute('href') === `#${link.id}`;
    if (isCurrent) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
  setMenu(false);
}

function setMenu(isOpen) {
  byId('sidebar').classList.toggle('open', isOpen);
  byId('menu').setAttribute('aria-expanded', String(isOpen));
}

const THEMES = ['auto', 'light', 'dark'];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').replaceChildren(`Theme: ${theme}`);
  storage.set('theme', theme);
}

function onKey(event) {
  const isWriting = event.target.closest?.('input, textarea, select');
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) page?.send();
  else if (event.key === 'Escape') return page?.stop();
  else if (event.key === '/' && !isWriting) (setMenu(true), byId('search').focus());
  else return;
  event.preventDefault();
}

byId('host').replaceChildren(location.host);
byId('menu').addEventListener('click', () => setMenu(!byId('sidebar').classList.contains('open')));
byId('theme').addEventListener('click', () =>
  setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]),
);
byId('search').addEventListener('input', search);
byId('search').addEventListener('keydown', (event) => event.key === 'Enter' && !event.ctrlKey && openFirstMatch());
// Its address would be taken for a method.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
addEventListener('keydown', onKey);
addEventListener('hashchange', () => {
  route();
  byId('main').querySelector('h1').focus();
  scrollTo(0, 0);
});

setTheme(THEMES.includes(storage.get('theme')) ? storage.get('theme') : 'auto');
showServices();
showHistory();
route();
