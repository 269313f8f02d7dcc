// The state of the page: one plain object in the address, which views read and change.

const REST = 150; // milliseconds without a change after which the address is updated

const listeners = new Set();
const earlier = []; // states that were shown before, for undo
let defaults = {};
let state = {};
let settled = {}; // the state that the address has
let waiting = 0;

/** The state. Only `change` may change it. */
export function current() {
  return state;
}

/** Change a part of the state, and call all listeners. The address follows after a moment without further changes. */
export function change(part) {
  state = { ...state, ...part };
  for (const listener of listeners) listener(state);
  clearTimeout(waiting);
  waiting = setTimeout(settle, REST);
}

/** Return to the state before the last change. Changes without a pause between them are one. */
export function undo() {
  if (settled !== state) settle();
  const before = earlier.pop();
  if (!before) return;
  settled = before;
  change(before);
  settled = state;
}

/** Call a function now and after each change. */
export function watch(listener) {
  listeners.add(listener);
  listener(state);
}

/** The same, but only while a view is open. It is called again when the view opens. */
export function watchOpen(view, listener) {
  watch((now) => { if (now.view === view) listener(now); });
}

/** Begin with the defaults, and what the address has on top of them. */
export function begin(usual) {
  defaults = usual;
  state = { ...defaults, ...decode(location.hash.slice(1)) };
  settled = state;
  // The address is that of the event, because a change that waited may have replaced it since.
  addEventListener("hashchange", ({ newURL }) => change({ ...defaults, ...decode(new URL(newURL).hash.slice(1)) }));
}

/** The address of the page in its present state. */
export function link() {
  return `${location.href.split("#")[0]}#${encode(state)}`;
}

function settle() {
  if (encode(state) !== encode(settled)) earlier.push(settled);
  settled = state;
  history.replaceState(history.state, "", `#${encode(state)}`);
}

/** Everything that differs from the defaults, as text for the address. */
function encode(state) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    const text = asText(value);
    if (text !== asText(defaults[name])) parameters.set(name, text);
  }
  return parameters.toString();
}

function decode(text) {
  const found = {};
  for (const [name, value] of new URLSearchParams(text)) {
    if (!(name in defaults)) continue;
    try {
      const parsed = typeof defaults[name] === "string" || defaults[name] === null ? value : JSON.parse(value);
      if (fits(name, parsed, defaults[name])) found[name] = parsed;
    } catch {
      // a damaged part of a link is replaced by its default
    }
  }
  return found;
}

function asText(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Whether a value has the type of a default. The server checks the value itself. */
function fits(name, value, usual) {
  const vector = (one) => Array.isArray(one) && one.length === defaults.z.length && one.every(Number.isFinite);
  if (name === "z") return vector(value);
  if (name === "line") return Array.isArray(value) && [0, 2].includes(value.length) && value.every(vector);
  if (name === "path") return Array.isArray(value) && value.every((stop) => vector(stop?.z));
  return usual === null || (typeof value === typeof usual && value !== null);
}
