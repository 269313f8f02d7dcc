// Controls for the conditions and the latent vector of a model. Each reads and writes the state.

import { choice, field, fresh, h } from "./dom.js";
import { change, current, watch } from "./state.js";

const STEP = 0.01; // of a range, with an arrow key
const MANY = 20; // labels above which they are chosen from a list

/** The part of a request that gives the conditions. */
export function conditions(model, state, label = state.label) {
  return model.classes.length ? { label, attributes: state.attributes } : { attributes: state.attributes };
}

/** A control for one of the model's labels. Null for a model without labels. */
export function labelChoice(model, t, name = "label") {
  if (!model.classes.length) return null;
  if (model.classes.length > MANY) {
    const list = choice(model.classes.map((label) => [label, label]), (label) => change({ [name]: label }));
    watch((state) => { list.value = state[name]; });
    return field(t(name), list);
  }
  const group = fresh(name);
  const buttons = model.classes.map((label) => h("input", { type: "radio", name: group, value: label, onChange: () => change({ [name]: label }) }));
  watch((state) => buttons.forEach((one) => { one.checked = one.value === state[name]; }));
  const labels = buttons.map((one) => h("label", { className: "choice" }, one, h("span", {}, one.value)));
  return h("fieldset", { className: "choices" }, h("legend", {}, t(name)), labels);
}

/** A slider or a list for each condition other than the label. */
export function attributeControls(model, t) {
  return model.attributes.map((attribute) => {
    const set = (value) => change({ attributes: { ...current().attributes, [attribute.name]: value } });
    if (attribute.classes.length) {
      const list = choice(attribute.classes.map((name) => [name, name]), set);
      watch((state) => { list.value = state.attributes[attribute.name]; });
      return field(attribute.name, list);
    }
    const { low, high, mean, sd } = attribute;
    const range = low < high ? [low, high] : [mean - sd, mean + sd];
    return slider(attribute.name, range, (state) => state.attributes[attribute.name], set, t);
  });
}

/** A slider for each latent dimension, and a function that sorts them and greys out inactive dimensions. */
export function latentControls(model, t) {
  const { extent } = model.limits;
  const controls = Array.from({ length: model.latent }, (_, index) => {
    const set = (value) => change({ z: current().z.map((old, place) => (place === index ? value : old)) });
    return slider(`z${index}`, [-extent, extent], (state) => state.z[index], set, t);
  });
  const box = h("div", { className: "sliders" }, controls);
  const sort = (dimensions) => {
    if (model.latent > 2) box.append(...dimensions.map(({ number }) => controls[number]));
    dimensions.forEach(({ number, nats, active }) => {
      controls[number].classList.toggle("inactive", !active);
      controls[number].title = active ? t("nats", nats.toFixed(2)) : t("inactive");
    });
  };
  return { box, sort };
}

/** Let the arrow keys move two coordinates of a range from -extent to extent, with Shift ten times as far. */
export function arrows(element, move, extent) {
  element.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    move(by.map((direction) => direction * 2 * extent * STEP * (event.shiftKey ? 10 : 1)));
  });
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** The first numbers of a latent vector as text. */
export function short(z) {
  return z.slice(0, 4).map((value) => value.toFixed(2)).join(", ") + (z.length > 4 ? ", …" : "");
}

function slider(name, [low, high], read, write, t) {
  const range = h("input", { type: "range", min: low, max: high, step: "any", onInput: () => write(range.valueAsNumber) });
  const number = h("input", { type: "number", step: "any", "aria-label": t("value", name) });
  number.addEventListener("change", () => (Number.isFinite(number.valueAsNumber) ? write(number.valueAsNumber) : show(current())));
  arrows(range, ([across, up]) => write(clamp(read(current()) + across + up, low, high)), (high - low) / 2);
  const show = (state) => {
    range.value = read(state);
    if (document.activeElement !== number) number.value = Number(read(state).toFixed(3));
  };
  watch(show);
  return field(name, range, number);
}
