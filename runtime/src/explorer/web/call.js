// The page of a method: its request as a form and as JSON, which show the same message, and what it answers.

const CAVEATS = {
  client: 'Browsers send a request as a whole: the messages are sent together, when the call is sent.',
  bidi: 'Browsers send a request as a whole, before they read the response: the messages are sent together, and answered after that. Calls in which both sides take turns need another client.',
};

function methodPage(method, { messages, metadata, deadline, usesGet }) {
  const call = { method, messages, metadata, deadline, usesGet: usesGet && Boolean(method.safe) };
  const request = requestView(call, () => snippets.update());
  const response = responseView(method);
  const snippets = snippetsView(call);
  let running;

  const stop = () => running?.abort();
  async function send() {
    const unread = element.querySelector('[data-unread]');
    if (unread) return unread.focus();
    stop();
    const controller = new AbortController();
    running = controller;
    stopButton.disabled = false;
    clearProblems(request.form);
    history.replaceState(null, '', linkTo(call));
    response.start(sizeOf(call));
    // What is told of a call that another one has replaced comes too late.
    const current =
      (tell) =>
      (...told) =>
        running === controller && tell(...told);
    const end = (failure, trailers) => {
      stopButton.disabled = true;
      const { code, time } = response.end(failure, trailers);
      for (const [path, problem] of problemsOf(failure ?? {})) showProblem(request.form, path, problem);
      remember(call, code, time);
    };
    await perform(call, controller.signal, {
      head: current(response.head),
      message: current(response.message),
      end: current(end),
    });
  }

  const stopButton = button('Stop', stop, { disabled: true, 'aria-keyshortcuts': 'Escape' });
  const actions = h(
    'div',
    { class: 'actions', role: 'group', 'aria-label': 'Call' },
    button(['Send', h('kbd', { 'aria-hidden': 'true' }, 'Ctrl ↵')], send, {
      class: 'primary',
      'aria-keyshortcuts': 'Control+Enter',
    }),
    stopButton,
    button('Example', () => request.set(exampleOf(method.input) ?? {})),
    button('Clear', () => request.set({})),
  );
  const element = h(
    'article',
    {},
    methodTitle(method),
    actions,
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        {},
        request.element,
        optionsView(call, () => snippets.update()),
      ),
      h('div', {}, request.json, response.element, snippets.element),
    ),
    typesView(method),
  );
  return { element, send, stop };
}

function methodTitle(method) {
  const kind = KINDS[method.kind];
  return h(
    'header',
    { class: 'title' },
    h('p', { class: 'crumb' }, h('a', { href: `#${method.service}` }, method.service)),
    h('h1', { tabindex: -1 }, method.name),
    h(
      'p',
      { class: 'row start' },
      chip(kind.name),
      method.safe && chip('no side effects'),
      method.deprecated && chip('deprecated', 'warn'),
      h('code', {}, `/${method.id}`),
    ),
    prose(method.comment),
    CAVEATS[method.kind] && h('p', { class: 'note' }, CAVEATS[method.kind]),
  );
}

const sizeOf = (call) => new Blob(call.messages.map((message) => JSON.stringify(message))).size;

/** The messages of a request, one of which is edited: in a form, and as JSON. */
function requestView(call, onchange) {
  const type = call.method.input;
  let current = 0;
  const form = h('div', { class: 'form' });
  const tabs = h('div', { class: 'choices', role: 'group', 'aria-label': 'Messages' });
  const problem = h('p', { class: 'problem', id: 'json-problem' });
  const json = h('textarea', {
    id: 'json',
    class: 'json',
    spellcheck: 'false',
    autocomplete: 'off',
    rows: 10,
    'aria-describedby': 'json-problem',
    oninput: readJson,
    // What is wrong stays, for whoever has written it.
    onchange: () => json.hasAttribute('data-unread') || showJson(),
  });

  function showForm() {
    form.replaceChildren(
      ...requestForm(type, call.messages[current], (message) => {
        call.messages[current] = message ?? {};
        showJson();
        onchange();
      }),
    );
  }

  function showJson() {
    json.value = JSON.stringify(masked(type, call.messages[current]), null, 2);
    setProblem('');
  }

  function readJson() {
    try {
      const written = parseJson(json.value);
      call.messages[current] = unmasked(type, written, call.messages[current]) ?? {};
      setProblem('');
      showForm();
      onchange();
    } catch (error) {
      setProblem(error.message);
    }
  }

  function setProblem(text) {
    problem.replaceChildren(text);
    setUnread(json, Boolean(text));
  }

  function show() {
    showTabs();
    showForm();
    showJson();
    onchange();
  }

  function showTabs() {
    if (!streamsRequests(call.method)) return;
    const choose = (index) => {
      current = index;
      show();
      tabs.children[index].focus();
    };
    const add = () => choose(call.messages.push({}) - 1);
    const remove = () => {
      call.messages.splice(current, 1);
      choose(Math.min(current, call.messages.length - 1));
    };
    tabs.replaceChildren(
      ...call.messages.map((_, index) =>
        button(String(index + 1), () => choose(index), {
          class: 'choice',
          'aria-pressed': String(index === current),
          'aria-label': `Message ${index + 1}`,
        }),
      ),
      button('Add message', add, { class: 'small' }),
      button('Remove', remove, {
        class: 'small quiet',
        disabled: call.messages.length === 1,
        'aria-label': 'Remove this message',
      }),
    );
  }

  const element = h(
    'section',
    { class: 'card', 'aria-labelledby': 'request-title' },
    h('div', { class: 'row' }, h('h2', { id: 'request-title' }, 'Request'), h('code', {}, shortName(type))),
    streamsRequests(call.method) && tabs,
    form,
  );
  const jsonElement = h(
    'section',
    { class: 'card' },
    h('h2', {}, h('label', { for: 'json' }, 'Request as JSON')),
    json,
    problem,
  );
  // Whoever calls this has not got the view yet, and shows the rest itself.
  showTabs();
  showForm();
  showJson();
  const set = (message) => {
    call.messages[current] = message;
    show();
  };
  return { element, json: jsonElement, form, set };
}

/** Metadata, deadline, and how the call is made. */
function optionsView(call, onchange) {
  const rows = h('ol', { class: 'items' });
  const show = () =>
    rows.replaceChildren(
      ...call.metadata.map((pair, index) =>
        metadataRow(pair, index + 1, onchange, () => {
          call.metadata.splice(index, 1);
          show();
          onchange();
          add.focus();
        }),
      ),
    );
  const add = button(
    'Add metadata',
    () => {
      call.metadata.push(['', '']);
      show();
      focusFirst(rows.lastElementChild);
    },
    { class: 'small' },
  );
  const setDeadline = ({ target }) => {
    const milliseconds = Number(target.value);
    call.deadline = Number.isInteger(milliseconds) && milliseconds > 0 ? milliseconds : undefined;
    setUnread(target, target.value !== '' && !call.deadline);
    onchange();
  };
  const setGet = ({ target }) => {
    call.usesGet = target.checked;
    onchange();
  };
  show();
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'options-title' },
    h('h2', { id: 'options-title' }, 'Metadata and deadline'),
    rows,
    add,
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'deadline' }, 'Deadline ', h('span', { class: 'type' }, 'ms')),
      h('input', {
        id: 'deadline',
        inputmode: 'numeric',
        autocomplete: 'off',
        value: call.deadline ?? '',
        oninput: setDeadline,
      }),
    ),
    call.method.safe &&
      call.method.kind === 'unary' &&
      h(
        'div',
        { class: 'field check' },
        h('input', { id: 'get', type: 'checkbox', checked: call.usesGet, onchange: setGet }),
        h('label', { for: 'get' }, 'Send with GET, which caches may answer'),
      ),
  );
}

function metadataRow(pair, number, onchange, remove) {
  const note = h('p', { class: 'hint' });
  const value = h('input', {
    value: pair[1],
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-label': `value of metadata ${number}`,
    placeholder: 'value',
    oninput: ({ target }) => {
      pair[1] = target.value;
      onchange();
    },
  });
  const setName = (name) => {
    pair[0] = name.trim().toLowerCase();
    value.type = isSecretName(pair[0]) ? 'password' : 'text';
    note.replaceChildren(
      FORBIDDEN.test(pair[0])
        ? 'Browsers do not let a page send this header.'
        : isSecretName(pair[0])
          ? `Neither kept nor copied.${pair[0].endsWith('-bin') ? ' In Base64.' : ''}`
          : '',
    );
  };
  const name = h('input', {
    class: 'key',
    value: pair[0],
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-label': `name of metadata ${number}`,
    placeholder: 'name',
    oninput: ({ target }) => {
      setName(target.value);
      onchange();
    },
  });
  setName(pair[0]);
  return h(
    'li',
    {},
    name,
    value,
    button('×', remove, { class: 'quiet remove', 'aria-label': `Remove metadata ${number}` }),
    note,
  );
}

/** The messages and enums of a method, for reading. */
function typesView(method) {
  const names = new Set([method.input, method.output]);
  // A set hands out what is added to it meanwhile.
  for (const name of names) fieldsOf(name).forEach(({ of }) => of && names.add(of));
  return h('details', { class: 'card types' }, h('summary', {}, h('h2', {}, 'Messages')), [...names].map(typeView));
}

function typeView(name) {
  const type = schema.messages[name] ?? schema.enums[name];
  const rows = schema.enums[name]
    ? type.values.map(([value, number, comment]) => [value, String(number), comment])
    : fieldsOf(name).map((field) => [field.name, typeText(field), field.comment]);
  if (rows.length === 0) return null;
  return h(
    'section',
    {},
    h('h3', {}, name),
    prose(type.comment),
    h(
      'table',
      {},
      h(
        'tbody',
        {},
        rows.map(([field, text, comment]) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, field),
            h('td', {}, h('code', {}, text), ' ', comment && inline(comment.trim())),
          ),
        ),
      ),
    ),
  );
}
