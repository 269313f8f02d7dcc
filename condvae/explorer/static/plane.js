// Plane: the map of the latent space. Hovering decodes, a click selects z, a drag interpolates, a heat map shows a measure.

import { actions } from "./actions.js";
import { filled, labelOf } from "./conditions.js";
import { arrows, attributeControls, clamp, conditions, labelChoice, short } from "./controls.js";
import { button, choice, field, fill, h } from "./dom.js";
import { from, onto, way } from "./geometry.js";
import { follow } from "./gestures.js";
import { chart, cross, heatMap, lay, line, mark, moved, nearestCode, onInk, points, rings, textColour, whole, wiped, zoomed } from "./map.js";
import { newest } from "./newest.js";
import { blank, colour, paint, row } from "./paint.js";
import { generate, literal } from "./python.js";
import { change, current, watch, watchOpen } from "./state.js";
import { decode, overlay as heatOf, plane } from "./wire.js";

const SIDE = 560; // pixels of the map
const STEP = 1.5; // how much a button or a key enlarges the map
const NEAR = 0.05; // how near the pointer must be to a code that is marked, as a share of the map

export const texts = {
  en: {
    "title": "Latent map",
    "map": "Map of the latent space: hover or use the arrow keys to decode, click to select z, drag to interpolate along a line",
    "map-how": "Every point is a style, and every dot is a real image. Move over the map to see what is drawn there, click to keep a point, drag to see the images along a line.",
    "line": "Images along the line",
    "no-line": "Remove line",
    "drawn-codes": "The data is not available, so the points are draws from the prior.",
    "plane": "Plane",
    "pca": "principal components",
    "two-dimensions": "two latent dimensions",
    "across": "Horizontal axis",
    "up": "Vertical axis",
    "overlay": "Heat map",
    "none": "none",
    "nearer": "Enlarge the map",
    "farther": "Reduce the map",
    "whole": "Whole map",
    "classes": "Classes",
    "highlight": "Highlight {0}",
    "confidence": "classifier confidence",
    "slant": "slant",
    "thickness": "thickness",
    "ink": "ink",
    "width": "width",
    "heat-from": "Heat map of {0}: {1} (dark) to {2} (light).",
  },
  ko: {
    "title": "잠재 공간",
    "map": "잠재 공간 지도: 가리키거나 화살표 키로 디코딩하고, 클릭해서 z를 선택하고, 끌어서 직선을 따라 보간합니다",
    "map-how": "지도의 한 곳이 하나의 스타일이고, 점은 실제 이미지입니다. 지도 위를 움직이면 그곳의 그림을 보고, 클릭하면 고정하고, 끌면 직선을 따라 변하는 그림을 봅니다.",
    "line": "직선을 따라 보간한 이미지",
    "no-line": "직선 지우기",
    "drawn-codes": "데이터가 없어 사전 분포에서 뽑은 표본을 점으로 표시합니다.",
    "plane": "평면",
    "pca": "주성분",
    "two-dimensions": "두 잠재 차원",
    "across": "가로축",
    "up": "세로축",
    "overlay": "히트맵",
    "none": "없음",
    "nearer": "지도 확대",
    "farther": "지도 축소",
    "whole": "전체 지도",
    "classes": "클래스",
    "highlight": "{0} 강조",
    "confidence": "분류기 신뢰도",
    "slant": "기울기",
    "thickness": "획 두께",
    "ink": "잉크 양",
    "width": "너비",
    "heat-from": "{0} 히트맵: {1}(어두운색) ~ {2}(밝은색).",
  },
};

export async function mount(root, model, t, loaded) {
  const view = elements(model, t);
  const show = imageAt(view, model, t, loaded);
  const interpolate = imagesAlong(view, model);
  const request = groundOf(view, model, t);
  const measures = [["", t("none")], ...model.overlays.map((name) => [name, t(name)])];
  const overlay = choice(measures, (name) => change({ overlay: name }));
  view.plane = await plane();
  const { dimensions } = view.plane;
  const reframe = followPointer(view, model, show);
  fill(root,
    h("div", { className: "columns" },
      h("div", {}, h("p", { className: "how" }, t("map-how")), view.map, zoomButtons(view, model, t, reframe), view.plane.classes.length ? legend(view, model, t) : null, view.message),
      h("div", { className: "shown" }, view.large, view.support, view.strip,
        labelChoice(model, t), attributeControls(model, t), planeChoice(model, dimensions, t), field(t("overlay"), overlay),
        h("div", { className: "buttons" }, button(t("no-line"), () => change({ line: [] })), button(t("reset"), () => change({ z: current().z.map(() => 0) }))))),
    actions("plane", model, t, { panels: () => panelsOf(view), code: (state) => codeOf(model, view, state) }),
  );
  let before = {};
  watchOpen("plane", (state) => {
    overlay.value = state.overlay;
    const ofGround = (one) => JSON.stringify([one.plane, one.overlay, one.overlay && [one.label, one.attributes, model.latent > 2 && one.z]]);
    if (ofGround(state) !== ofGround(before)) request(state);
    if (state.z !== before.z || state.label !== before.label || state.attributes !== before.attributes) show(state, state.z);
    interpolate(state);
    before = state;
    redraw(view);
  });
  onInk(view.map, () => redraw(view));
}

/** The elements of the view, and what the map shows. */
function elements(model, t) {
  return {
    map: chart(SIDE, { className: "map", tabIndex: 0, role: "application", "aria-label": t("map") }),
    ground: chart(SIDE), // points and heat map, which stay while the pointer moves
    large: blank(model, { className: "large", role: "img" }),
    support: h("p", { className: "support", role: "status" }),
    message: h("p", { role: "status" }),
    strip: h("div", { className: "strip", role: "group", "aria-label": t("line") }),
    frame: whole(model.limits.extent),
    plane: null, // set when the view is mounted, before anything is drawn
    heat: null, // the values of the heat map
    chosen: new Set(), // the numbers of the classes that are highlighted
    hover: null, // the place of the pointer
    ends: null, // of the line that is being drawn
    due: null, // the frame of the screen in which the map is drawn, if the pointer has moved
  };
}

/** A function that shows the image at a latent vector. */
function imageAt(view, model, t, loaded) {
  return newest(async (state, z) => {
    const answer = await decode({ ...conditions(model, state), z });
    paint(view.large, answer);
    view.large.setAttribute("aria-label", t("image-of", state.label ?? ""));
    view.support.textContent = answer.supported && !answer.supported[0] ? t("unsupported") : "";
    loaded({ ...state, z });
  }, (text) => { view.support.textContent = text; });
}

/** A function that shows the images along the line. */
function imagesAlong(view, model) {
  return newest(async (state) => {
    view.strip.hidden = state.line.length !== 2;
    if (view.strip.hidden) return;
    const z = way(...state.line, model.limits.line_steps);
    row(view.strip, await decode({ ...conditions(model, state), z }), z.map(short));
  }, (text) => { view.message.textContent = text; });
}

/** A function that requests the plane and the heat map, and draws both. */
function groundOf(view, model, t) {
  let asked = ""; // the name by which the plane was requested
  return newest(async (state) => {
    const lines = [];
    view.heat = null;
    try {
      if (asked !== state.plane) view.plane = await plane(state.plane);
      asked = state.plane;
      if (state.overlay) view.heat = await heatOf({ ...conditions(model, state), measure: state.overlay, plane: view.plane.name, z: state.z });
    } catch (error) {
      lines.push(error.message);
    }
    const range = drawGround(view, model);
    if (range) lines.push(t("heat-from", t(state.overlay), ...range.map((value) => value.toFixed(2))));
    if (!view.plane.of_data) lines.push(t("drawn-codes"));
    view.message.textContent = lines.join(" ");
  }, (text) => { view.message.textContent = text; });
}

/** Draw the heat map, whose lowest and highest value are returned, and the points; then the rest of the map. */
function drawGround(view, model) {
  const pen = wiped(view.ground);
  const range = view.heat && heatMap(pen, view.frame, model.limits.extent, view.heat);
  points(pen, view.frame, view.plane, { heated: Boolean(view.heat), chosen: view.chosen });
  redraw(view);
  return range;
}

/** Draw the map: points and heat map, the rings of the prior, the line, a cross at z, and the code near the pointer. */
function redraw(view) {
  const { frame, plane: shown, hover } = view;
  const { z, line: ends } = current();
  const pen = wiped(view.map);
  lay(pen, view.ground);
  rings(pen, frame, [0, 0], textColour());
  const along = view.ends ?? ends.map((end) => onto(shown, end));
  if (along.length === 2) line(pen, frame, along);
  cross(pen, frame, onto(shown, z));
  const near = hover ? nearestCode(shown.points, hover, NEAR * frame.extent) : -1;
  if (near >= 0) mark(pen, frame, shown.points[near], colour(shown.labels[near], shown.classes.length), shown.classes[shown.labels[near]] ?? "");
}

/** Let pointers and the arrow keys decode, select z, draw a line and enlarge the map. */
function followPointer(view, model, show) {
  const { map } = view;
  const { extent } = model.limits;
  const vector = (place) => from(view.plane, current().z, place);
  const reframe = (frame) => { view.frame = frame; drawGround(view, model); };
  follow(map, () => view.frame, {
    hover: (place) => {
      view.hover = place;
      show(current(), vector(place));
      view.due ??= requestAnimationFrame(() => {
        view.due = null;
        redraw(view);
      });
    },
    drag: (start, place) => {
      view.ends = [start, place];
      change({ line: view.ends.map(vector) });
    },
    tap: (place) => change({ z: vector(place) }),
    end: () => {
      Object.assign(view, { hover: null, ends: null });
      show(current(), current().z);
      redraw(view);
    },
    zoom: (place, times) => reframe(zoomed(view.frame, place, times, extent)),
    pan: (by) => reframe(moved(view.frame, by, extent)),
  });
  map.addEventListener("keydown", ({ key }) => {
    const times = { "+": 1 / STEP, "=": 1 / STEP, "-": STEP }[key];
    if (times) reframe(zoomed(view.frame, onto(view.plane, current().z), times, extent));
  });
  arrows(map, (by) => change({ z: vector(onto(view.plane, current().z).map((value, axis) => clamp(value + by[axis], -extent, extent))) }), extent);
  return reframe;
}

/** Buttons that enlarge the map around z, and show all of it. */
function zoomButtons(view, model, t, reframe) {
  const { extent } = model.limits;
  const by = (times) => () => reframe(zoomed(view.frame, onto(view.plane, current().z), times, extent));
  return h("div", { className: "buttons" },
    button("+", by(1 / STEP), { "aria-label": t("nearer") }), button("−", by(STEP), { "aria-label": t("farther") }),
    button(t("whole"), () => reframe(whole(extent))));
}

/** A control for the plane, if there are more than two latent dimensions: principal components or two dimensions. */
function planeChoice(model, dimensions, t) {
  if (model.latent < 3) return null;
  const names = dimensions.map(({ number, nats, active }) => [String(number), `z${number} (${active ? t("nats", nats.toFixed(2)) : t("inactive")})`]);
  const usual = dimensions.slice(0, 2).map(({ number }) => number).sort((a, b) => a - b).map(String);
  const kind = choice([["axes", t("two-dimensions")], ["pca", t("pca")]], () => write());
  const [first, second] = [choice(names, () => write()), choice(names, () => write())];
  const write = () => change({ plane: kind.value === "pca" ? "pca" : first.value === second.value ? "" : `${first.value},${second.value}` });
  dimensions.forEach(({ active }, place) => [first, second].forEach((list) => list.options[place].classList.toggle("inactive", !active)));
  watch(({ plane }) => {
    kind.value = plane === "pca" ? "pca" : "axes";
    [first.value, second.value] = plane.includes(",") ? plane.split(",") : usual;
    first.disabled = second.disabled = plane === "pca";
  });
  return h("div", { className: "row" }, field(t("plane"), kind), field(t("across"), first), field(t("up"), second));
}

/** The map with its legend, and the selected image or the images along the line. */
function panelsOf({ map, large, strip, plane: { classes, name } }) {
  const legend = classes.map((text, index) => ({ text, colour: colour(index, classes.length) }));
  const along = strip.hidden ? [large] : [...strip.children];
  return [{ title: name, side: map.side, tiles: [{ canvas: map }], legend }, { columns: 3, tiles: along.map((canvas) => ({ canvas, title: canvas.title })) }];
}

function codeOf(model, view, state) {
  const { run, limits: { line_steps: steps } } = model;
  const label = literal(labelOf(model, state.label));
  const places = state.line.length
    ? [`start, end = torch.tensor(${literal(state.line)})`, `z = torch.stack([start + (end - start) * step / ${steps} for step in range(${steps + 1})])`]
    : [`z = torch.tensor([${literal(state.z)}])`];
  const given = [literal(state.overlay), `torch.tensor(${literal(state.z)})`, label, literal(filled(model, state.attributes))];
  const heat = state.overlay ? [`heat = ${literal(state.overlay)}, latent.heat_map(plane, ${given.join(", ")})`] : [];
  return {
    imports: ["import torch"],
    lines: [`latent = condvae.LatentMap(condvae.Study(${literal(run)}))`, `plane = latent.plane(${literal(state.plane)})`, ...places, `images = ${generate(model, state, label, "z")}`, ...heat],
    figure: `latent.figure(plane, z, images${heat.length ? ", heat" : ""})`,
    file: "map.png",
  };
}

/** A button for each class. Those that are pressed are highlighted on the map. */
function legend(view, model, t) {
  const { classes } = view.plane;
  const items = classes.map((name, index) => {
    const one = button(h("i", { style: `background:${colour(index, classes.length)}` }), () => {
      if (!view.chosen.delete(index)) view.chosen.add(index);
      one.setAttribute("aria-pressed", view.chosen.has(index));
      drawGround(view, model);
    }, { "aria-pressed": false, title: t("highlight", name) });
    one.append(name);
    return h("li", {}, one);
  });
  return h("ul", { className: "legend", "aria-label": t("classes") }, items);
}
