// Generate: a label, a latent vector, the image they make, and all labels at the same latent vector.

import { actions } from "./actions.js";
import { LIMIT, arrows, attributeControls, clamp, conditions, labelChoice, latentControls } from "./controls.js";
import { button, choice, field, fill, h } from "./dom.js";
import { MOVED, at, dot, onInk, rings, textColour } from "./map.js";
import { paint } from "./paint.js";
import { change, current, watch, watchOpen } from "./state.js";
import { get, images, newest } from "./wire.js";

const SIDE = 200; // pixels of the pad

export async function mount(root, model, t, loaded) {
  const large = h("canvas", { className: "large", role: "img" });
  const support = h("p", { className: "support", role: "status" });
  const every = model.labels.length <= model.most_images; // whether the server gives all labels at once
  const strip = (every ? model.labels : []).map((label) => {
    const canvas = h("canvas");
    const chosen = h("button", { type: "button", "aria-label": t("label-at-z", label), onClick: () => change({ label }) }, canvas, h("span", {}, label));
    return { label, canvas, button: chosen };
  });
  const { box, rank } = latentControls(model, t);
  fill(root,
    h("div", { className: "columns" },
      h("div", { className: "controls" }, labelChoice(model, t), attributeControls(model, t), model.latent === 2 ? pad(t) : null, box, draws(model, t)),
      h("div", { className: "shown" }, large, support,
        strip.length ? h("div", { className: "strip", role: "group", "aria-label": t("all-labels") }, strip.map((one) => one.button)) : null)),
    actions("generate", t),
  );
  const draw = newest(async (state) => {
    // the chosen label comes with all others in one answer, so that the two never differ
    const answer = await images("decode", { ...conditions(model, state, every ? model.labels : state.label), z: state.z });
    const chosen = every ? Math.max(0, model.labels.indexOf(state.label)) : 0;
    paint(large, answer, chosen);
    strip.forEach((one, index) => paint(one.canvas, answer, index));
    large.setAttribute("aria-label", t("image-of", state.label ?? ""));
    support.textContent = answer.supported && !answer.supported[chosen] ? t("unsupported") : "";
    loaded(state);
  }, (text) => { support.textContent = text; });
  watchOpen("generate", (state) => {
    strip.forEach((one) => {
      one.button.classList.toggle("chosen", one.label === state.label);
      one.button.setAttribute("aria-pressed", one.label === state.label);
    });
    draw(state);
  });
  get("plane").then(({ dimensions }) => { rank(dimensions); draw(current()); });
}

/** A square on which the pointer, a finger or the arrow keys move both latent dimensions. */
function pad(t) {
  const canvas = h("canvas", { className: "pad", width: SIDE, height: SIDE, tabIndex: 0, role: "application", "aria-label": t("pad") });
  const within = (z) => change({ z: z.map((value) => clamp(value)) });
  const place = (event) => within(at(event, canvas, LIMIT));
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); place(event); });
  canvas.addEventListener(MOVED, (event) => { if (event.buttons) place(event); });
  arrows(canvas, (by) => within(current().z.map((value, axis) => value + by[axis])), 2 * LIMIT * 0.01);
  const redraw = () => {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, SIDE, SIDE);
    rings(pen, LIMIT, [0, 0], textColour());
    dot(pen, LIMIT, current().z, textColour(), 6);
  };
  watch(redraw);
  onInk(canvas, redraw);
  return h("div", { className: "field" }, h("span", { "aria-hidden": "true" }, t("pad-how")), canvas);
}

/** Randomise, with a seed that can be read and typed, and reset. */
function draws(model, t) {
  const source = choice(["prior", "mixture"].map((name) => [name, t(name)]), () => drawWith(current().seed));
  const seed = h("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1 });
  const told = h("span", { role: "status" });
  const drawWith = async (number) => {
    told.textContent = t("working");
    try {
      const { z } = await get("generate", { ...conditions(model, current()), seed: number, source: source.value });
      change({ z: z[0], seed: number });
      told.textContent = "";
    } catch (error) {
      told.textContent = error.message;
    }
  };
  watch((state) => { if (document.activeElement !== seed) seed.value = state.seed; });
  seed.addEventListener("change", () => { if (seed.value !== "") drawWith(seed.valueAsNumber); });
  return h("div", { className: "buttons" },
    button(t("randomise"), () => drawWith(Math.floor(Math.random() * 2 ** 32))),
    button(t("reset"), () => change({ z: current().z.map(() => 0), attributes: model.typical })),
    field(t("draw-from"), source), field(t("seed"), seed), told);
}
