// Restyle: a drawn or uploaded image, its place on the map, its reconstruction, and every label in its style.

import { actions } from "./actions.js";
import { LIMIT, conditions } from "./controls.js";
import { button, choice, field, fill, h, save } from "./dom.js";
import { dot, onInk, onto, points, rings, spread, textColour, way } from "./map.js";
import { colour, paint, row } from "./paint.js";
import { change, current, watchOpen } from "./state.js";
import { get, images, newest } from "./wire.js";

const SIDE = 280; // pixels of the canvas to draw on
const STROKE = 22; // pixels of its pen
const STEPS = 8; // from the first image to the second
const MAP = 240; // pixels of the map

export async function mount(root, model, t, loaded) {
  const plane = await get("plane");
  const ground = h("canvas", { width: MAP, height: MAP }); // the codes, which stay
  points(ground.getContext("2d"), LIMIT, plane);
  const strip = h("div", { className: "strip", role: "group", "aria-label": t("morph") });
  const none = h("p", {}, t("morph-how"));
  const found = {};
  const between = newest(async () => {
    const { first, second } = found;
    none.hidden = Boolean(first && second);
    strip.hidden = !none.hidden;
    if (!none.hidden) return;
    const z = way(first.z, second.z, STEPS);
    const answer = await images("decode", { ...conditions(model, { label: first.label, attributes: first.attributes }), z });
    row(strip, answer, z.map((_, step) => `${Math.round((100 * step) / STEPS)}%`));
  }, (text) => { none.textContent = text; });
  const sources = ["first", "second"].map((name) => source(name, model, { plane, ground }, t, (answer) => {
    found[name] = answer;
    between();
    loaded(current());
  }));
  fill(root,
    h("p", {}, t("restyle-how")),
    h("div", { className: "columns" }, sources.map((one) => one.box)),
    h("h3", {}, t("morph")), none, strip, actions("restyle", t),
  );
  watchOpen("restyle", (state) => sources.forEach((one) => one.follow(state)));
  loaded(current());
}

function source(name, model, chart, t, onFound) {
  const ink = h("canvas", { className: "ink", width: SIDE, height: SIDE, role: "img", "aria-label": t("draw-here") });
  const file = h("input", { type: "file", accept: "image/*" });
  const [prepared, copy] = [h("canvas", { className: "small", role: "img", "aria-label": t("as-prepared") }), h("canvas", { className: "small", role: "img", "aria-label": t("copy") })];
  const place = h("canvas", { className: "map", width: MAP, height: MAP, role: "img", "aria-label": t("posterior") });
  const strip = h("div", { className: "strip", role: "group", "aria-label": t("every-style") });
  const told = h("p", { role: "status" });
  let own = ""; // the image as it was prepared, for the link
  let last = null; // what the server answered
  let sent = null; // the image, and whether it is prepared already

  const meaning = { first: "shows", second: "second_shows" }[name]; // what the state calls the label of the image
  const labels = model.labels.slice(0, model.most_images);
  const shows = choice([["", t("found-out")], ...model.labels.map((label) => [label, label])], () => { if (sent) send(...sent); });
  const send = newest(async (image, ready, known = shows.value) => {
    sent = [image, ready];
    const asked = sent;
    const answer = await get("restyle", { image, prepare: !ready, ...(known ? { label: known } : {}), ...(labels.length ? { labels } : {}) });
    if (sent !== asked) return; // cleared meanwhile
    const whole = (nested) => ({ pixels: Uint8Array.from(nested.flat(2)), shape: [1, ...answer.shape.slice(1)] });
    paint(prepared, whole(answer.prepared));
    paint(copy, whole(answer.reconstruction));
    const every = { pixels: Uint8Array.from(answer.images.flat(3)), shape: answer.shape };
    strip.replaceChildren(...labels.map((label, index) => {
      const canvas = h("canvas");
      paint(canvas, every, index);
      const take = () => change({ label, z: answer.z, attributes: { ...current().attributes, ...answer.attributes } });
      return h("button", { type: "button", className: label === answer.label ? "chosen" : "", "aria-label": t("in-style", label), onClick: take }, canvas, h("span", {}, label));
    }));
    last = answer;
    posterior(place, chart, model, last);
    shown.hidden = false;
    const steps = answer.steps.map((step) => t(`step-${step}`)).join(", ");
    told.textContent = [answer.label === null ? "" : t("taken-for", answer.label), steps ? t("prepared", steps) : t("as-it-was")].join(" ");
    own = prepared.toDataURL("image/png").split(",")[1];
    change({ [name]: own, [meaning]: answer.label });
    onFound(answer);
  }, (text) => { told.textContent = text; });

  onInk(place, () => { if (last) posterior(place, chart, model, last); });
  drawing(ink, () => send(ink.toDataURL("image/png"), false));
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => send(reader.result, false));
    reader.readAsDataURL(chosen);
  });
  const empty = () => {
    blank(ink);
    shown.hidden = true;
    told.textContent = "";
    file.value = "";
    [own, sent, last, shows.value] = ["", null, null, ""];
    change({ [name]: own, [meaning]: null });
    onFound(null);
  };
  const figures = [[prepared, "as-prepared"], [copy, "copy"], [place, "posterior"]];
  const shown = h("div", { hidden: true },
    h("div", { className: "row" }, figures.map(([canvas, text]) => h("figure", {}, canvas, h("figcaption", {}, t(text))))), strip, button(t("save-prepared"), () => keep()));
  const keep = () => prepared.toBlob((blob) => save(blob, `${name}.png`));
  const box = h("section", {}, h("h3", {}, t(name)), ink,
    h("div", { className: "buttons" }, button(t("clear"), empty), field(t("upload"), file), model.labels.length ? field(t("shows"), shows) : null),
    told, shown);
  /** Show the image of a link; none if it has none. */
  const follow = ({ [name]: image, [meaning]: label }) => {
    if (image === own) return;
    own = image;
    if (image) send(image, true, label ?? "");
    else empty();
  };
  return { box, follow };
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

/** Where the image lies among the codes, with one and two standard deviations of its posterior. */
function posterior(canvas, { plane, ground }, model, answer) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, MAP, MAP);
  pen.drawImage(ground, 0, 0);
  const where = onto(plane, answer.z);
  const { deviations, turn } = spread(plane, answer.deviation);
  rings(pen, LIMIT, where, textColour(), deviations, turn);
  dot(pen, LIMIT, where, textColour(), 4);
  dot(pen, LIMIT, where, colour(Math.max(0, model.labels.indexOf(answer.label)), model.labels.length), 3);
}
