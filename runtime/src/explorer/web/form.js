// The form of a message, made from its descriptor. An editor is an element that shows a value, and tells `change` of each
// edit: the new value, or `undefined` for none. Where it stands (`at`) is the path by which errors of the server name it,
// whether it is secret, and whether no value is one.

let editors = 0;

/** The editors of a message's fields. */
function messageForm(type, value, at, change) {
  const message = isObject(value) ? { ...value } : {};
  const set = (field, changed) => {
    if (changed === undefined) delete message[jsonName(field)];
    else message[jsonName(field)] = changed;
    change({ ...message });
  };
  const editor = (field) =>
    fieldEditor(field, message[jsonName(field)] ?? undefined, within(at, field), (changed) => set(field, changed));
  const oneofs = new Set();
  const rows = fieldsOf(type).flatMap((field) => {
    if (!field.oneof) return editor(field);
    if (oneofs.has(field.oneof)) return [];
    oneofs.add(field.oneof);
    const members = fieldsOf(type).filter(({ oneof }) => oneof === field.oneof);
    return oneofEditor(members, message, editor, set);
  });
  return rows.length > 0 ? rows : [h('p', { class: 'hint' }, 'This message has no fields.')];
}

/** The form of a request, which may also be of a type with a form of its own. */
function requestForm(type, value, change) {
  if (!OWN_FORMS[type] && !WRAPPERS.has(type)) return messageForm(type, value, { path: '' }, change);
  return [singleEditor({ name: 'value', type: 'message', of: type }, value, { path: '' }, change)];
}

function within(at, field) {
  const path = at.path ? `${at.path}.${jsonName(field)}` : jsonName(field);
  return { path, isSecret: at.isSecret || field.redacted };
}

const item = (at, key) => ({ path: `${at.path}[${JSON.stringify(key)}]`, isSecret: at.isSecret, isNeeded: true });

function fieldEditor(field, value, at, change) {
  if (field.key) return mapEditor(field, value, at, change);
  return field.repeated ? listEditor(field, value, at, change) : singleEditor(field, value, at, change);
}

const isNested = (field) => field.type === 'message' && !OWN_FORMS[field.of] && !WRAPPERS.has(field.of);

/** A field that has one value: a line, or a message inside of the message. */
function singleEditor(field, value, at, change) {
  if (isNested(field)) return nestedEditor(field, value, at, change);
  const id = `editor-${++editors}`;
  return h(
    'div',
    { class: 'field', 'data-path': at.path },
    h('label', { for: id }, fieldTitle(field)),
    control(field, value, { ...at, id, isNeeded: Boolean(field.oneof) }, change),
    hint(field, `${id}-hint`),
  );
}

function fieldTitle(field) {
  return [
    h('span', { class: 'name' }, field.name),
    ' ',
    h('span', { class: 'type' }, typeText(field)),
    field.required && [' ', chip('required')],
    field.deprecated && [' ', chip('deprecated', 'warn')],
    field.redacted && [' ', chip('masked')],
  ];
}

function hint(field, id) {
  const form = OWN_FORMS[field.of]?.hint;
  const texts = [
    field.comment && inline(field.comment.trim()),
    form && `Write ${form}.`,
    field.default && `Default: ${field.default}.`,
  ];
  const shown = texts.filter(Boolean).flatMap((text) => [text, ' ']);
  return shown.length > 0 && h('p', { class: 'hint', id }, shown);
}

function group(field, at, ...content) {
  return h(
    'fieldset',
    { class: 'group', 'data-path': at.path },
    h('legend', {}, fieldTitle(field)),
    hint(field),
    content,
  );
}

/** A message that can be there or not. */
function nestedEditor(field, value, at, change) {
  const content = h('div', { class: 'nested' });
  const show = (message) => {
    const add = () => (change({}), show({}), focusFirst(content));
    const remove = () => (change(undefined), show(undefined), focusFirst(content));
    content.replaceChildren(
      ...(message === undefined
        ? [button(`Add ${field.name}`, add, { class: 'small' })]
        : [
            ...messageForm(field.of, message, at, change),
            button(`Remove ${field.name}`, remove, { class: 'small quiet' }),
          ]),
    );
  };
  show(value);
  return group(field, at, content);
}

function focusFirst(element) {
  element.querySelector('input, select, textarea, button')?.focus();
}

function listEditor(field, value, at, change) {
  const items = Array.isArray(value) ? [...value] : [];
  const list = h('ol', { class: 'items' });
  const changed = () => change(items.length > 0 ? [...items] : undefined);
  const show = () =>
    list.replaceChildren(
      ...items.map((one, index) => {
        const set = (edited) => ((items[index] = edited ?? emptyValue(field)), changed());
        const remove = () => (items.splice(index, 1), changed(), show(), add.focus());
        const name = `${field.name} ${index + 1}`;
        return itemRow(itemEditor(field, one, { ...item(at, index), name }, set), name, remove);
      }),
    );
  const add = button(
    `Add to ${field.name}`,
    () => {
      items.push(emptyValue(field));
      changed();
      show();
      focusFirst(list.lastElementChild);
    },
    { class: 'small' },
  );
  show();
  return group(field, at, list, add);
}

function mapEditor(field, value, at, change) {
  const entries = isObject(value) ? Object.entries(value) : [];
  const list = h('ol', { class: 'items' });
  const changed = () => change(entries.length > 0 ? Object.fromEntries(entries) : undefined);
  const show = () =>
    list.replaceChildren(
      ...entries.map((entry, index) => {
        const name = `${field.name} ${index + 1}`;
        const setKey = ({ target }) => ((entry[0] = target.value), changed());
        const set = (edited) => ((entry[1] = edited ?? emptyValue(field)), changed());
        const remove = () => (entries.splice(index, 1), changed(), show(), add.focus());
        const key = h('input', {
          class: 'key',
          value: entry[0],
          oninput: setKey,
          'aria-label': `key of ${name}`,
          placeholder: field.key,
        });
        const editor = itemEditor(field, entry[1], { ...item(at, entry[0]), name: `value of ${name}` }, set);
        return itemRow([key, editor], name, remove);
      }),
    );
  const add = button(
    `Add to ${field.name}`,
    () => {
      entries.push(['', emptyValue(field)]);
      changed();
      show();
      focusFirst(list.lastElementChild);
    },
    { class: 'small' },
  );
  show();
  return group(field, at, list, add);
}

function itemRow(editor, name, remove) {
  return h('li', {}, editor, button('×', remove, { class: 'quiet remove', 'aria-label': `Remove ${name}` }));
}

/** The editor of a value in a list or a map, which has a name and no label. */
function itemEditor(field, value, at, change) {
  if (!isNested(field)) return h('div', { class: 'field', 'data-path': at.path }, control(field, value, at, change));
  return h(
    'fieldset',
    { class: 'group', 'data-path': at.path },
    h('legend', { class: 'hidden' }, at.name),
    messageForm(field.of, value, at, change),
  );
}

/** The fields of a oneof, one of which may be there. */
function oneofEditor(members, message, editor, set) {
  const name = members[0].oneof;
  const content = h('div', { class: 'nested' });
  const chosen = () => members.find((member) => message[jsonName(member)] !== undefined);
  const show = () => content.replaceChildren(...[chosen()].filter(Boolean).map(editor));
  const choose = ({ target }) => {
    members.filter((member) => member !== members[target.value]).forEach((member) => delete message[jsonName(member)]);
    const member = members[target.value];
    if (member) set(member, emptyValue(member));
    else set(members[0], undefined);
    show();
  };
  const options = members.map((member, index) =>
    h('option', { value: index, selected: member === chosen() }, member.name),
  );
  const select = h(
    'select',
    { onchange: choose, 'aria-label': `which of ${name}` },
    h('option', { value: '' }, 'none'),
    options,
  );
  show();
  return h(
    'fieldset',
    { class: 'group' },
    h('legend', {}, h('span', { class: 'name' }, name), ' ', h('span', { class: 'type' }, 'oneof')),
    select,
    content,
  );
}

/** What a field holds that nothing has been written into yet. */
function emptyValue(field) {
  if (isNested(field)) return {};
  if (OWN_FORMS[field.of]) return OWN_FORMS[field.of].example() ?? {};
  const type = WRAPPERS.get(field.of) ?? field.type;
  if (type === 'enum') return schema.enums[field.of]?.values[0]?.[0] ?? 0;
  if (type === 'bool') return false;
  if (type === 'string' || type === 'bytes') return '';
  return is64Bit(type) ? '0' : 0;
}

/** What a value is written into. */
function control(field, value, at, change) {
  const type = WRAPPERS.get(field.of) ?? field.type;
  const common = {
    id: at.id,
    'aria-label': at.name,
    'aria-describedby': at.id && hint(field) ? `${at.id}-hint` : undefined,
  };
  if (type === 'enum') return enumControl(field, value, at, { common, change });
  if (type === 'bool') return boolControl(field, value, at, { common, change });
  if (OWN_FORMS[field.of]?.isJson) return jsonControl(value, common, change);
  const none = at.isNeeded ? emptyValue(field) : undefined;
  const oninput = ({ target }) => change(target.value === '' ? none : readScalar(type, target.value));
  const shown = value === undefined || value === null ? '' : isObject(value) ? JSON.stringify(value) : String(value);
  const attributes = { ...common, oninput, value: shown, spellcheck: 'false', autocomplete: 'off' };
  if (at.isSecret) return h('input', { ...attributes, type: 'password', autocomplete: 'new-password' });
  // A text may have several lines.
  if (type === 'string') return h('textarea', { ...attributes, rows: 1 });
  const placeholder = type === 'bytes' ? 'Base64' : undefined;
  return h('input', { ...attributes, placeholder, inputmode: isInteger(type) ? 'numeric' : undefined });
}

/** What was written, as JSON has it; as it is if it is no number: the server says what is wrong with it. */
function readScalar(type, text) {
  if (type === 'float' || type === 'double')
    return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  const isShort = isInteger(type) && !is64Bit(type) && /^\s*-?\d{1,10}\s*$/.test(text);
  return isShort ? Number(text) : isInteger(type) ? text.trim() : text;
}

function enumControl(field, value, at, { common, change }) {
  const values = schema.enums[field.of]?.values ?? [];
  const named = values.find(([name, number]) => value === name || value === number);
  const isUnknown = value !== undefined && !named;
  const options = values.map(([name, number]) => h('option', { value: name, selected: named?.[1] === number }, name));
  if (isUnknown) options.unshift(h('option', { value: String(value), selected: true }, `${value} (unknown)`));
  if (!at.isNeeded) options.unshift(h('option', { value: '', selected: value === undefined }, 'not set'));
  const onchange = ({ target }) => change(target.value === '' ? undefined : target.value);
  return h('select', { ...common, onchange }, options);
}

function boolControl(field, value, at, { common, change }) {
  const onchange = ({ target }) => change(target.value === '' ? undefined : target.value === 'true');
  const option = (text, state) => h('option', { value: text, selected: value === state }, text || 'not set');
  const hasNone = !at.isNeeded && (field.optional || field.of);
  if (hasNone)
    return h('select', { ...common, onchange }, option('', undefined), option('true', true), option('false', false));
  const none = at.isNeeded ? false : undefined;
  return h('input', {
    ...common,
    type: 'checkbox',
    checked: value === true,
    onchange: ({ target }) => change(target.checked || none),
  });
}

/** Marks what was written into an input as such that it cannot be read: until it is, nothing is sent. */
function setUnread(input, isUnread) {
  input.toggleAttribute('data-unread', isUnread);
  input.toggleAttribute('aria-invalid', isUnread);
}

function jsonControl(value, common, change) {
  const oninput = ({ target }) => {
    try {
      const read = target.value.trim() === '' ? undefined : parseJson(target.value);
      setUnread(target, false);
      change(read);
    } catch {
      setUnread(target, true);
    }
  };
  return h('textarea', {
    ...common,
    class: 'json',
    rows: 2,
    oninput,
    value: value === undefined ? '' : JSON.stringify(value),
    spellcheck: 'false',
  });
}

/** Shows what the server says is wrong with the field at `path`, at the field or the nearest one around it. */
function showProblem(form, path, problem) {
  const places = [...form.querySelectorAll('[data-path]')];
  const normal = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  for (let rest = normal(path); rest; rest = rest.replace(/(\.?[^.[\]]+|\[("(\\.|[^"])*"|\d*)\])$/, '')) {
    const editor = places.find(({ dataset }) => normal(dataset.path) === rest);
    if (!editor) continue;
    const id = `problem-${++editors}`;
    editor.append(h('p', { class: 'problem', id }, problem));
    const input = editor.querySelector('input, select, textarea');
    input?.setAttribute('aria-invalid', 'true');
    input?.setAttribute('aria-describedby', [input.getAttribute('aria-describedby'), id].filter(Boolean).join(' '));
    return;
  }
}

function clearProblems(form) {
  form.querySelectorAll('.problem').forEach((problem) => problem.remove());
  form.querySelectorAll('[aria-invalid]:not([data-unread])').forEach((input) => input.removeAttribute('aria-invalid'));
}
