// Short ways to make elements.

/** An element with properties, attributes (if there is no such property), listeners (onName) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  return fill(element, ...children);
}

/** Append children. Those that are null or undefined are left out. */
export function fill(element, ...children) {
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

let numbered = 0;

/** An id that no other element has. */
export function fresh(stem) {
  numbered += 1;
  return `condvae-${stem}-${numbered}`;
}

/** A control with its label above it. The two are connected for screen readers. */
export function field(text, control, ...after) {
  control.id ||= fresh("field");
  return h("div", { className: "field" }, h("label", { htmlFor: control.id }, text), control, ...after);
}

/** A list to choose from. Options are [value, text] pairs. */
export function choice(options, onChoose) {
  const list = h("select", { onChange: () => onChoose(list.value) });
  list.append(...options.map(([value, text]) => h("option", { value }, text)));
  return list;
}

export function button(text, onClick, properties = {}) {
  return h("button", { type: "button", onClick, ...properties }, text);
}

/** A group of tiles with labels. Each tile has room for the longest word of all labels. */
export function tileGroup(name, labels, tiles = []) {
  const longest = Math.max(0, ...labels.flatMap((label) => label.split(/\s+/)).map((word) => word.length));
  return h("div", { className: "strip", role: "group", "aria-label": name, style: `--letters: ${longest}; --count: ${labels.length}` }, tiles);
}

/** Let the browser save bytes as a file. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A choice of the user that the browser keeps, or null. A frame of another site may have no storage. */
export function kept(name) {
  try {
    return localStorage.getItem(`condvae-${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`condvae-${name}`, value);
  } catch {
    // the choice lasts until the page is closed
  }
}
