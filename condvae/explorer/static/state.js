// The state of the page: one plain object, in the address bar, that views read and change.

const REST = 150; // milliseconds after which the address bar follows

const listeners = new Set();
let defaults = {};
let state = {};
let waiting = 0;

/** The state as it is; not to be changed but by `change`. */
export function current() {
  return state;
}

/** Change some of the state, tell all views, and write it to the address bar when it has come to rest. */
export function change(part) {
  state = { ...state, ...part };
  for (const listener of listeners) listener(state);
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(history.state, "", `#${encode()}`), REST);
}

/** Call a function now and after each change. */
export function watch(listener) {
  listeners.add(listener);
  listener(state);
}

/** The same, but only while a view is open; what changed meanwhile is told when it opens again. */
export function watchOpen(view, listener) {
  watch((now) => { if (now.view === view) listener(now); });
}

/** Begin with what the address bar says, on top of the page's own defaults. */
export function begin(usual) {
  defaults = usual;
  state = { ...defaults, ...decode(location.hash.slice(1)) };
  addEventListener("hashchange", () => change({ ...defaults, ...decode(location.hash.slice(1)) }));
}

/** The address of the page as it is. */
export function link() {
  return `${location.href.split("#")[0]}#${encode()}`;
}

/** What differs from the defaults, as text for the address bar. */
function encode() {
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
      // a damaged link opens with the default in its place
    }
  }
  return found;
}

function asText(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Whether a value may stand where a default stands; the server has the last word. */
function fits(name, value, usual) {
  const vector = (one) => Array.isArray(one) && one.length === defaults.z.length && one.every(Number.isFinite);
  if (name === "z") return vector(value);
  if (name === "line") return Array.isArray(value) && [0, 2].includes(value.length) && value.every(vector);
  if (name === "path") return Array.isArray(value) && value.every((stop) => vector(stop?.z));
  return usual === null || (typeof value === typeof usual && value !== null);
}
