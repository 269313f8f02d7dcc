// Restyle: a drawn or uploaded image, its reconstruction, its place on the map, and every label in its style.

import { actions } from "./actions.js";
import { conditions } from "./controls.js";
import { button, choice, field, fill, h, save, tileGroup } from "./dom.js";
import { onto, spread, way } from "./geometry.js";
import { chart as chartOf, dot, lay, onInk, points, rings, textColour, whole, wiped } from "./map.js";
import { newest } from "./newest.js";
import { colour, paint, row } from "./paint.js";
import { literal } from "./python.js";
import { change, current, watchOpen } from "./state.js";
import { decode, plane as planeOf, restyle } from "./wire.js";

const SIDE = 280; // pixels of the drawing canvas
const STROKE = 22; // pixels of its pen
const MAP = 240; // pixels of the map

export const texts = {
  en: {
    "title": "Restyle",
    "restyle-how": "Draw something, or upload a picture. The model finds its style, and draws everything else in the same style.",
    "first": "First image",
    "second": "Second image",
    "draw-here": "Drawing canvas. With a keyboard, upload an image instead.",
    "upload": "Upload image",
    "detect": "detect automatically",
    "save-prepared": "Save prepared image",
    "as-prepared": "prepared image",
    "reconstruction": "reconstruction",
    "posterior": "posterior on the latent map",
    "every-style": "Every label in this style",
    "in-style": "Label {0} in this style: use this label and z",
    "label-found": "Label: {0}.",
    "prepared": "Preparation: {0}.",
    "as-it-was": "The image was used without changes.",
    "step-grey": "converted to grey",
    "step-inverted": "inverted",
    "step-scaled": "scaled",
    "step-stretched": "contrast stretched",
    "step-centred": "centred",
    "morph": "Interpolation from the first image to the second",
    "morph-how": "Add both images to see the interpolation between their styles.",
  },
  ko: {
    "title": "스타일 변환",
    "restyle-how": "그림을 그리거나 사진을 올려 보세요. 모델이 스타일을 알아내고, 다른 것도 모두 같은 스타일로 그립니다.",
    "first": "첫 번째 이미지",
    "second": "두 번째 이미지",
    "draw-here": "그림판. 키보드를 사용한다면 이미지를 업로드하세요.",
    "upload": "이미지 업로드",
    "detect": "자동 인식",
    "save-prepared": "전처리된 이미지 저장",
    "as-prepared": "전처리된 이미지",
    "reconstruction": "재구성",
    "posterior": "잠재 공간 지도 위의 사후 분포",
    "every-style": "이 스타일의 모든 레이블",
    "in-style": "이 스타일의 레이블 {0}: 이 레이블과 z 사용",
    "label-found": "레이블: {0}.",
    "prepared": "전처리: {0}.",
    "as-it-was": "이미지를 그대로 사용했습니다.",
    "step-grey": "흑백 변환",
    "step-inverted": "반전",
    "step-scaled": "크기 조정",
    "step-stretched": "대비 확장",
    "step-centred": "가운데 정렬",
    "morph": "첫 번째 이미지에서 두 번째 이미지로 보간",
    "morph-how": "두 이미지를 모두 추가하면 두 스타일 사이의 보간을 볼 수 있습니다.",
  },
};

export async function mount(root, model, t, loaded) {
  const { extent, line_steps: steps } = model.limits;
  const plane = await planeOf();
  const ground = chartOf(MAP); // the codes, which stay
  points(ground.getContext("2d"), whole(extent), plane);
  const strip = h("div", { className: "strip", role: "group", "aria-label": t("morph") });
  const hint = h("p", {}, t("morph-how"));
  const found = {};
  const between = newest(async () => {
    const { first, second } = found;
    hint.hidden = Boolean(first && second);
    strip.hidden = !hint.hidden;
    if (!hint.hidden) return;
    const z = way(first.z, second.z, steps);
    const answer = await decode({ ...conditions(model, first), z });
    row(strip, answer, z.map((_, step) => `${Math.round((100 * step) / steps)}%`));
  }, (text) => { hint.textContent = text; });
  const sources = ["first", "second"].map((name) => source(name, model, { plane, ground }, t, (answer) => {
    found[name] = answer;
    between();
    loaded(current());
  }));
  fill(root,
    h("p", { className: "how" }, t("restyle-how")),
    h("div", { className: "columns" }, sources.map((one) => one.box)),
    h("h2", {}, t("morph")), hint, strip,
    actions("restyle", model, t, { panels: () => sources[0].panels(), code: (state) => codeOf(model, state) }),
  );
  watchOpen("restyle", (state) => sources.forEach((one) => one.follow(state)));
  loaded(current());
}

/** One of the two images: where it is drawn or uploaded, and what the model makes of it. */
function source(name, model, chart, t, onFound) {
  const result = results(name, model, chart, t);
  const ink = h("canvas", { className: "ink", width: SIDE, height: SIDE, role: "img", "aria-label": t("draw-here") });
  const file = h("input", { type: "file", accept: "image/*" });
  const message = h("p", { role: "status" });
  let own = ""; // the prepared image, for the link
  let sent = null; // the image that was sent, and whether it is prepared already
  const key = `${name}_label`; // of the label in the state
  const detect = [["", t("detect")], ...model.classes.map((label) => [label, label])];
  const label = choice(detect, () => { if (sent) send(...sent); });
  const send = newest(async (image, ready, known = label.value) => {
    sent = [image, ready];
    const asked = sent;
    const answer = await restyle({ image, prepare: !ready, ...(known ? { label: known } : {}), ...(result.labels.length ? { new_label: result.labels } : {}) });
    if (sent !== asked) return; // it was cleared meanwhile
    result.show(answer);
    const steps = answer.steps.map((step) => t(`step-${step}`)).join(", ");
    message.textContent = [answer.label === null ? "" : t("label-found", answer.label), steps ? t("prepared", steps) : t("as-it-was")].join(" ");
    own = result.prepared();
    change({ [name]: own, [key]: answer.label });
    onFound(answer);
  }, (text) => { message.textContent = text; });
  const empty = () => {
    blank(ink);
    result.hide();
    message.textContent = "";
    file.value = "";
    [own, sent, label.value] = ["", null, ""];
    change({ [name]: own, [key]: null });
    onFound(null);
  };
  drawing(ink, () => send(ink.toDataURL("image/png"), false));
  uploading(file, (image) => send(image, false));
  const box = h("section", {}, h("h2", {}, t(name)), ink,
    h("div", { className: "buttons" }, button(t("clear"), empty), field(t("upload"), file), model.classes.length ? field(t("label"), label) : null),
    message, result.box);
  /** Show the image of a link, if it has one. */
  const follow = ({ [name]: image, [key]: known }) => {
    if (image === own) return;
    own = image;
    if (image) send(image, true, known ?? "");
    else empty();
  };
  return { box, follow, panels: result.panels };
}

/** What the model makes of an image: the prepared image, its reconstruction, its posterior, and every label in its style. */
function results(name, model, chart, t) {
  const labels = model.classes.slice(0, model.max_images);
  const small = (text) => h("canvas", { className: "small", role: "img", "aria-label": t(text) });
  const [prepared, reconstruction] = [small("as-prepared"), small("reconstruction")];
  const place = chartOf(MAP, { className: "map", role: "img", "aria-label": t("posterior") });
  const tiles = tileGroup(t("every-style"), labels);
  const figures = [[prepared, "as-prepared"], [reconstruction, "reconstruction"], [place, "posterior"]];
  const keep = () => prepared.toBlob((blob) => save(blob, `${name}.png`));
  const box = h("div", { hidden: true },
    h("div", { className: "row" }, figures.map(([canvas, text]) => h("figure", {}, canvas, h("figcaption", {}, t(text))))), tiles, button(t("save-prepared"), keep));
  let last = null; // the answer that is shown
  const redraw = () => { if (last) posterior(place, chart, model, last); };
  onInk(place, redraw);
  const show = (answer) => {
    paint(prepared, answer.prepared);
    paint(reconstruction, answer.reconstruction);
    tiles.replaceChildren(...labels.map((label, index) => {
      const canvas = h("canvas");
      paint(canvas, answer, index);
      const take = () => change({ label, z: answer.z, attributes: { ...current().attributes, ...answer.attributes } });
      return h("button", { type: "button", className: label === answer.label ? "chosen" : "", "aria-label": t("in-style", label), onClick: take }, canvas, h("span", {}, label));
    }));
    last = answer;
    redraw();
    box.hidden = false;
  };
  const hide = () => { box.hidden = true; last = null; };
  const panels = () => [
    { tiles: last ? [{ canvas: prepared, title: t("as-prepared") }, { canvas: reconstruction, title: t("reconstruction") }] : [] },
    { columns: 10, tiles: last ? [...tiles.querySelectorAll("canvas")].map((canvas, index) => ({ canvas, title: labels[index] })) : [] },
  ];
  return { box, labels, show, hide, panels, prepared: () => prepared.toDataURL("image/png").split(",")[1] };
}

function codeOf(model, state) {
  const [file, channels] = ["first.png", model.shape[0]];
  // attributes that can be measured of an image are measured
  const attributes = Object.fromEntries(Object.entries(model.typical).filter(([name]) => !model.measured.includes(name)));
  const known = Object.keys(attributes).length ? `, attributes=${literal(attributes)}` : "";
  const pixels = `np.array(Image.open(${literal(file)}).convert(${literal(channels === 1 ? "L" : "RGB")}))`;
  const image = channels === 1 ? `${pixels}[None, None]` : `${pixels}.transpose(2, 0, 1)[None]`;
  const labelled = model.classes.length > 0;
  const lines = [
    `# first save the prepared image of the page as ${file}`, `image = ${image}`,
    ...(labelled ? [`label = ${literal(state.first_label ?? state.label)}`, `labels = ${literal(model.classes)}`] : []),
    `reconstruction = condvae.reconstruct(model, image${labelled ? ", label" : ""}${known})`,
    ...(labelled ? [`restyled = [condvae.restyle(model, image, label, new_label${known}) for new_label in labels]`] : []),
    'titles = ["image", "reconstruction"]',
  ];
  const drawn = labelled ? "np.concatenate([image, reconstruction, *restyled])[None], [*titles, *labels]" : "np.concatenate([image, reconstruction])[None], titles";
  return { imports: ["import numpy as np", "from PIL import Image"], lines, figure: `condvae.tiles(${drawn})`, file: "images.png" };
}

function blank(canvas) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = "black";
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

/** Let the pointer draw white strokes on black. */
function drawing(canvas, done) {
  const pen = canvas.getContext("2d");
  blank(canvas);
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  const stroke = (to) => {
    Object.assign(pen, { strokeStyle: "white", lineWidth: STROKE, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...to);
    pen.stroke();
    last = to;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    event.getCoalescedEvents().forEach((one) => stroke(place(one)));
    done();
  });
  canvas.addEventListener("pointerup", () => {
    last = null;
    done();
  });
}

/** Read the image file that the user chooses, as a data URL. */
function uploading(file, done) {
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.readAsDataURL(chosen);
  });
}

/** Draw the place of an image among the codes, with one and two standard deviations of its posterior. */
function posterior(canvas, { plane, ground }, model, answer) {
  const frame = whole(model.limits.extent);
  const pen = wiped(canvas);
  lay(pen, ground);
  const where = onto(plane, answer.z);
  const { deviations, turn } = spread(plane, answer.deviation);
  rings(pen, frame, where, textColour(), deviations, turn);
  dot(pen, frame, where, textColour(), 4);
  dot(pen, frame, where, colour(Math.max(0, model.classes.indexOf(answer.label)), model.classes.length), 3);
}
