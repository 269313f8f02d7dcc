// Generate: a label, a latent vector, their image, and all labels at the same latent vector.

import { actions } from "./actions.js";
import { arrows, attributeControls, clamp, conditions, labelChoice, latentControls } from "./controls.js";
import { button, choice, field, fill, h, tileGroup } from "./dom.js";
import { MOVED, at, chart, dot, onInk, rings, textColour, whole, wiped } from "./map.js";
import { newest } from "./newest.js";
import { blank, paint } from "./paint.js";
import { generate, literal } from "./python.js";
import { change, current, watch, watchOpen } from "./state.js";
import { decode, draw, plane } from "./wire.js";

const SIDE = 200; // pixels of the pad

export const texts = {
  en: {
    "title": "Generate",
    "generate-how": "Choose what to draw, then move the point to change how it is drawn. The label says what, the latent vector z says in which style.",
    "pad": "Latent plane of z0 and z1: drag or use the arrow keys",
    "pad-how": "z0 (horizontal) and z1 (vertical): drag or use the arrow keys",
    "label-at-z": "Label {0} at this z",
    "all-labels": "All labels at this z",
    "draw-from": "Draw z from",
    "prior": "prior of the model",
    "mixture": "mixture fitted to the codes",
    "seed": "Seed",
    "random": "Random z",
  },
  ko: {
    "title": "생성",
    "generate-how": "무엇을 그릴지 고르고, 점을 움직여 어떻게 그릴지 바꿔 보세요. 레이블은 무엇을, 잠재 벡터 z는 어떤 스타일로 그릴지 정합니다.",
    "pad": "z0과 z1의 잠재 평면: 끌거나 화살표 키로 움직입니다",
    "pad-how": "z0(가로)과 z1(세로): 끌거나 화살표 키로 움직입니다",
    "label-at-z": "이 z에서의 레이블 {0}",
    "all-labels": "이 z에서의 모든 레이블",
    "draw-from": "z를 뽑을 분포",
    "prior": "모델의 사전 분포",
    "mixture": "코드에 적합한 혼합 분포",
    "seed": "시드",
    "random": "무작위 z",
  },
};

export async function mount(root, model, t, loaded) {
  const large = blank(model, { className: "large", role: "img" });
  const support = h("p", { className: "support", role: "status" });
  const every = model.classes.length <= model.max_images; // whether the server sends all labels at once
  const tiles = (every ? model.classes : []).map((label) => {
    const canvas = blank(model);
    const chosen = h("button", { type: "button", "aria-label": t("label-at-z", label), onClick: () => change({ label }) }, canvas, h("span", {}, label));
    return { label, canvas, button: chosen };
  });
  const { box, sort } = latentControls(model, t);
  fill(root,
    h("p", { className: "how" }, t("generate-how")),
    h("div", { className: "columns" },
      h("div", { className: "controls" }, labelChoice(model, t), attributeControls(model, t), model.latent === 2 ? pad(model, t) : null, box, draws(model, t)),
      h("div", { className: "shown" }, large, support,
        tiles.length ? tileGroup(t("all-labels"), model.classes, tiles.map((one) => one.button)) : null)),
    actions("generate", model, t, {
      panels: () => [{ columns: 10, tiles: tiles.length ? tiles.map(({ canvas, label }) => ({ canvas, title: label })) : [{ canvas: large }] }],
      code: (state) => codeOf(model, state),
    }),
  );
  const redraw = newest(async (state) => {
    // the chosen label arrives with all others in one answer, so that the two never differ
    const answer = await decode({ ...conditions(model, state, every ? model.classes : state.label), z: state.z });
    const chosen = every ? Math.max(0, model.classes.indexOf(state.label)) : 0;
    paint(large, answer, chosen);
    tiles.forEach((one, index) => paint(one.canvas, answer, index));
    large.setAttribute("aria-label", t("image-of", state.label ?? ""));
    support.textContent = answer.supported && !answer.supported[chosen] ? t("unsupported") : "";
    loaded(state);
  }, (text) => { support.textContent = text; });
  watchOpen("generate", (state) => {
    tiles.forEach((one) => {
      one.button.classList.toggle("chosen", one.label === state.label);
      one.button.setAttribute("aria-pressed", one.label === state.label);
    });
    redraw(state);
  });
  plane().then(({ dimensions }) => { sort(dimensions); redraw(current()); });
}

function codeOf(model, state) {
  const labels = model.classes.length > 0;
  return {
    lines: [`labels = ${literal(model.classes)}`, `images = ${generate(model, state, labels ? "labels" : "None", literal(state.z))}`],
    figure: "condvae.tiles(images[None], labels)",
    file: "images.png",
  };
}

/** A square on which the pointer, a finger or the arrow keys move both latent dimensions. */
function pad(model, t) {
  const { extent } = model.limits;
  const frame = whole(extent);
  const canvas = chart(SIDE, { className: "pad", tabIndex: 0, role: "application", "aria-label": t("pad") });
  const within = (z) => change({ z: z.map((value) => clamp(value, -extent, extent)) });
  const place = (event) => within(at(event, canvas, frame));
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); place(event); });
  canvas.addEventListener(MOVED, (event) => { if (event.buttons) place(event); });
  arrows(canvas, (by) => within(current().z.map((value, axis) => value + by[axis])), extent);
  const redraw = () => {
    const pen = wiped(canvas);
    rings(pen, frame, [0, 0], textColour());
    dot(pen, frame, current().z, textColour(), 6);
  };
  watch(redraw);
  onInk(canvas, redraw);
  return h("div", { className: "field" }, h("span", { "aria-hidden": "true" }, t("pad-how")), canvas);
}

/** Draw z at random, with a seed that can be read and typed, and reset it. */
function draws(model, t) {
  const prior = choice(model.priors.map((name) => [name, t(name)]), () => drawWith(current().seed));
  const seed = h("input", { type: "number", min: 0, max: model.limits.max_seed, step: 1 });
  const message = h("span", { role: "status" });
  const drawWith = async (number) => {
    message.textContent = t("working");
    try {
      change({ z: await draw({ ...conditions(model, current()), seed: number, prior: prior.value }), seed: number });
      message.textContent = "";
    } catch (error) {
      message.textContent = error.message;
    }
  };
  watch((state) => { if (document.activeElement !== seed) seed.value = state.seed; });
  seed.addEventListener("change", () => { if (seed.value !== "") drawWith(seed.valueAsNumber); });
  return h("div", { className: "buttons" },
    button(t("random"), () => drawWith(Math.floor(Math.random() * (model.limits.max_seed + 1)))),
    button(t("reset"), () => change({ z: current().z.map(() => 0), attributes: model.typical })),
    field(t("draw-from"), prior), field(t("seed"), seed), message);
}
