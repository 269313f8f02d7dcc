// Plane: the map of the latent space. Hovering decodes, a click pins, a dragged line interpolates, a heat map lies below.

import { actions } from "./actions.js";
import { LIMIT, arrows, attributeControls, clamp, conditions, labelChoice, short } from "./controls.js";
import { button, choice, field, fill, h } from "./dom.js";
import { MOVED, at, cross, from, heatMap, line, onInk, onto, points, rings, textColour, way } from "./map.js";
import { colour, paint, row } from "./paint.js";
import { change, current, watch, watchOpen } from "./state.js";
import { get, images, newest } from "./wire.js";

const SIDE = 560; // pixels of the map
const STEPS = 8; // from one end of a line to the other
const CELLS = 31; // of the heat map, on each axis
const DRAG = 0.02; // of the map: how far a pointer may move in a click

export async function mount(root, model, t, loaded) {
  const map = h("canvas", { className: "map", width: SIDE, height: SIDE, tabIndex: 0, role: "application", "aria-label": t("map") });
  const large = h("canvas", { className: "large", role: "img" });
  const support = h("p", { className: "support", role: "status" });
  const told = h("p", { role: "status" });
  const tell = (text) => { told.textContent = text; };
  const strip = h("div", { className: "strip", role: "group", "aria-label": t("line") });
  const ground = h("canvas", { width: SIDE, height: SIDE }); // points and heat map, which stay while the pointer moves
  let plane = null;
  let asked = null; // the name by which the plane was asked for
  let start = null; // where a line begins

  const show = newest(async (state, z) => {
    const answer = await images("decode", { ...conditions(model, state), z });
    paint(large, answer);
    large.setAttribute("aria-label", t("image-of", state.label ?? ""));
    support.textContent = answer.supported && !answer.supported[0] ? t("unsupported") : "";
    loaded({ ...state, z });
  }, (text) => { support.textContent = text; });
  const interpolate = newest(async (state) => {
    strip.hidden = state.line.length !== 2;
    if (strip.hidden) return;
    const z = way(...state.line, STEPS);
    row(strip, await images("decode", { ...conditions(model, state), z }), z.map(short));
  }, tell);
  const below = newest(async (state) => {
    let found = null;
    const texts = [];
    try {
      if (asked !== state.plane) plane = await get(`plane?name=${encodeURIComponent(state.plane)}`);
      asked = state.plane;
      if (state.overlay) {
        const { labels: label, attributes } = conditions(model, state);
        found = await get("overlay", { measure: state.overlay, plane: plane.name, label, attributes, z: state.z, extent: LIMIT, side: CELLS });
      }
    } catch (error) {
      texts.push(error.message);
    }
    tell(texts.join(" "));
    if (!plane) return;
    const pen = ground.getContext("2d");
    pen.clearRect(0, 0, SIDE, SIDE);
    if (found) {
      const [low, high] = heatMap(pen, found.values);
      texts.push(t("heat-from", t(state.overlay), low.toFixed(2), high.toFixed(2)));
    }
    points(pen, LIMIT, plane, Boolean(found));
    if (!plane.of_data) texts.push(t("drawn-codes"));
    tell(texts.join(" "));
    redraw();
  }, tell);

  const redraw = (hover = null) => {
    if (!plane) return;
    const { z, line: ends } = current();
    const pen = map.getContext("2d");
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.drawImage(ground, 0, 0);
    rings(pen, LIMIT, [0, 0], textColour());
    if (start && hover) line(pen, LIMIT, [start, hover]);
    else if (ends.length === 2) line(pen, LIMIT, ends.map((end) => onto(plane, end)));
    cross(pen, LIMIT, onto(plane, z));
  };
  const moved = (place) => start && Math.hypot(place[0] - start[0], place[1] - start[1]) > DRAG * 2 * LIMIT;

  map.addEventListener(MOVED, (event) => {
    if (!plane) return;
    const place = at(event, map, LIMIT);
    show(current(), from(plane, current().z, place));
    if (moved(place)) change({ line: [start, place].map((end) => from(plane, current().z, end)) });
    redraw(place);
  });
  map.addEventListener("pointerdown", (event) => {
    if (!plane) return;
    map.setPointerCapture(event.pointerId);
    start = at(event, map, LIMIT);
    show(current(), from(plane, current().z, start));
  });
  map.addEventListener("pointerup", (event) => {
    if (!start) return;
    const place = at(event, map, LIMIT);
    if (!moved(place)) change({ z: from(plane, current().z, place) });
    start = null;
    redraw();
  });
  map.addEventListener("pointerleave", () => { show(current(), current().z); redraw(); });
  arrows(map, (by) => {
    if (plane) change({ z: from(plane, current().z, onto(plane, current().z).map((value, axis) => clamp(value + by[axis]))) });
  }, 2 * LIMIT * 0.01);

  const overlay = choice([["", t("nothing")], ...model.overlays.map((name) => [name, t(name)])], (name) => change({ overlay: name }));
  const { classes, dimensions } = await get("plane");
  fill(root,
    h("div", { className: "columns" },
      h("div", {}, map, legend(classes), told),
      h("div", { className: "shown" }, large, support, strip,
        labelChoice(model, t), attributeControls(model, t), planeChoice(model, dimensions, t), field(t("overlay"), overlay),
        h("div", { className: "buttons" }, button(t("no-line"), () => change({ line: [] })), button(t("reset"), () => change({ z: current().z.map(() => 0) }))))),
    actions("plane", t),
  );
  let before = {};
  watchOpen("plane", (state) => {
    overlay.value = state.overlay;
    const ofGround = (one) => JSON.stringify([one.plane, one.overlay, one.overlay && [one.label, one.attributes, model.latent > 2 && one.z]]);
    if (ofGround(state) !== ofGround(before)) below(state);
    if (state.z !== before.z || state.label !== before.label || state.attributes !== before.attributes) show(state, state.z);
    interpolate(state);
    before = state;
    redraw();
  });
  onInk(map, redraw);
}

/** Which plane of more than two latent dimensions: the main components, or two dimensions, ranked by what they carry. */
function planeChoice(model, dimensions, t) {
  if (model.latent < 3) return null;
  const names = dimensions.map(({ number, nats, dead }) => [String(number), dead ? `z${number} (${t("dead")})` : `z${number} (${t("nats", nats.toFixed(2))})`]);
  const usual = dimensions.slice(0, 2).map(({ number }) => number).sort((a, b) => a - b).map(String);
  const kind = choice([["axes", t("two-dimensions")], ["pca", t("pca")]], () => write());
  const [first, second] = [choice(names, () => write()), choice(names, () => write())];
  const write = () => change({ plane: kind.value === "pca" ? "pca" : first.value === second.value ? "" : `${first.value},${second.value}` });
  dimensions.forEach(({ dead }, place) => [first, second].forEach((list) => list.options[place].classList.toggle("dead", dead)));
  watch(({ plane }) => {
    kind.value = plane === "pca" ? "pca" : "axes";
    [first.value, second.value] = plane.includes(",") ? plane.split(",") : usual;
    first.disabled = second.disabled = plane === "pca";
  });
  return h("div", { className: "row" }, field(t("plane"), kind), field(t("across"), first), field(t("up"), second));
}

function legend(classes) {
  const items = classes.map((name, index) => h("li", {}, h("i", { style: `background:${colour(index, classes.length)}` }), name));
  return h("ul", { className: "legend" }, items);
}
