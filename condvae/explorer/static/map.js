// Drawing on a map of the latent space: a square canvas, with the second axis upwards.
// A frame is the part of the space that a map shows: { centre: [a, b], extent }, from centre - extent to centre + extent.

import { h } from "./dom.js";
import { colour, heat } from "./paint.js";

const MANY = 1500; // points above which they are drawn as a density
const FINEST = 20; // how many times a map can be enlarged
const DENSITY = Math.min(3, window.devicePixelRatio || 1); // pixels of the screen for each pixel of CSS

/** A canvas for a map, `side` pixels of CSS wide. Its pen draws in these pixels, whatever the density of the screen is. */
export function chart(side, properties = {}) {
  const canvas = h("canvas", { width: side * DENSITY, height: side * DENSITY, ...properties });
  canvas.side = side;
  canvas.getContext("2d").scale(DENSITY, DENSITY);
  return canvas;
}

/** The pen of a map that was wiped. */
export function wiped(canvas) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.side, canvas.side);
  return pen;
}

/** Draw a map on another of the same size. */
export function lay(pen, canvas) {
  pen.drawImage(canvas, 0, 0, pen.canvas.side, pen.canvas.side);
}

/** The frame of the whole map. */
export function whole(extent) {
  return { centre: [0, 0], extent };
}

/** A frame that is `times` as large, in which a place stays where it is. It stays within the whole map. */
export function zoomed({ centre, extent }, [a, b], times, largest) {
  const size = Math.min(largest, Math.max(largest / FINEST, extent * times));
  const share = size / extent;
  return within({ centre: [a + (centre[0] - a) * share, b + (centre[1] - b) * share], extent: size }, largest);
}

/** A frame whose centre moves, within the whole map. */
export function moved({ centre, extent }, [a, b], largest) {
  return within({ centre: [centre[0] + a, centre[1] + b], extent }, largest);
}

function within({ centre, extent }, largest) {
  const room = largest - extent;
  return { centre: centre.map((value) => Math.min(room, Math.max(-room, value))), extent };
}

/** The place of a pointer on the map. */
export function at(event, canvas, { centre, extent }) {
  const box = canvas.getBoundingClientRect();
  return [centre[0] + ((2 * (event.clientX - box.left)) / box.width - 1) * extent, centre[1] + (1 - (2 * (event.clientY - box.top)) / box.height) * extent];
}

// the event for each movement of the pointer: immediately if the browser supports it, otherwise once per frame
export const MOVED = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";

/** The colour of text, which is light on a dark page and dark on a light page. */
export function textColour() {
  return getComputedStyle(document.body).color;
}

/** Call a function when the colour of a canvas changes, because the page becomes light or dark or its styles arrive. */
export function onInk(canvas, redraw) {
  canvas.addEventListener("transitionend", () => redraw());
}

/** Ellipses of one and two standard deviations around a place. */
export function rings(pen, frame, place, ink, deviations = [1, 1], turn = 0) {
  const unit = pen.canvas.side / (2 * frame.extent);
  const [x, y] = pixel(pen, frame, place);
  Object.assign(pen, { strokeStyle: ink, lineWidth: 1 });
  for (const times of [1, 2]) {
    pen.beginPath();
    pen.ellipse(x, y, Math.max(1, times * deviations[0] * unit), Math.max(1, times * deviations[1] * unit), -turn, 0, 2 * Math.PI);
    pen.stroke();
  }
}

export function dot(pen, frame, place, ink, size) {
  const [x, y] = pixel(pen, frame, place);
  pen.fillStyle = ink;
  pen.beginPath();
  pen.arc(x, y, size, 0, 2 * Math.PI);
  pen.fill();
}

/** A line through places, in colours that are visible on any background. */
export function line(pen, frame, places) {
  for (const [ink, width] of [["white", 5], ["black", 2]]) {
    Object.assign(pen, { strokeStyle: ink, lineWidth: width });
    pen.beginPath();
    places.forEach((place, index) => pen[index ? "lineTo" : "moveTo"](...pixel(pen, frame, place)));
    pen.stroke();
  }
}

export function cross(pen, frame, [a, b]) {
  const arm = (9 * 2 * frame.extent) / pen.canvas.side;
  line(pen, frame, [[a - arm, b], [a + arm, b]]);
  line(pen, frame, [[a, b - arm], [a, b + arm]]);
}

/** A code with the name of its class, beside it and on any background. */
export function mark(pen, frame, place, ink, name) {
  dot(pen, frame, place, "white", 7);
  dot(pen, frame, place, ink, 5);
  const [x, y] = pixel(pen, frame, place);
  const right = x > pen.canvas.side * 0.7;
  Object.assign(pen, { font: "600 14px system-ui, sans-serif", textAlign: right ? "right" : "left", lineWidth: 4, strokeStyle: "white", fillStyle: "black" });
  for (const draw of ["strokeText", "fillText"]) pen[draw](name, x + (right ? -11 : 11), y + 5);
}

/**
 * Codes coloured by class, as points or, if there are many, as a density. They are fainter on a heat map, and those that
 * are not of the `chosen` classes (numbers; all if there are none) are hardly visible.
 */
export function points(pen, frame, { points: places, labels, classes }, { heated = false, chosen = new Set() } = {}) {
  const { side } = pen.canvas;
  const many = places.length * (frame.extent / 4) ** 2 > MANY;
  const radius = side * (many ? 0.016 : 0.006);
  const brushes = Array.from({ length: Math.max(1, classes.length) }, (_, label) => brush(radius, colour(label, classes.length), many));
  const usual = (many ? 0.35 : 0.8) * (heated ? 0.3 : 1);
  places.forEach((place, index) => {
    const [x, y] = pixel(pen, frame, place);
    if (x < -radius || y < -radius || x > side + radius || y > side + radius) return;
    pen.globalAlpha = chosen.size && !chosen.has(labels[index]) ? usual / 12 : usual;
    pen.drawImage(brushes[labels[index]], x - radius, y - radius, 2 * radius, 2 * radius);
  });
  pen.globalAlpha = 1;
}

/** A disc of a colour. If it is soft, it fades towards its edge. */
function brush(radius, ink, soft) {
  const canvas = h("canvas", { width: 2 * radius * DENSITY, height: 2 * radius * DENSITY });
  const pen = canvas.getContext("2d");
  const steps = soft ? 8 : 1;
  const middle = canvas.width / 2;
  Object.assign(pen, { fillStyle: ink, globalAlpha: 1 / steps });
  for (let step = 1; step <= steps; step += 1) {
    pen.beginPath();
    pen.arc(middle, middle, (middle * step) / steps, 0, 2 * Math.PI);
    pen.fill();
  }
  return canvas;
}

/** A smooth heat map of values on a grid of the whole map, top row first. Returns the lowest and the highest value. */
export function heatMap(pen, frame, extent, values) {
  const every = values.flat();
  const [low, high] = [Math.min(...every), Math.max(...every)];
  const side = values.length;
  const small = h("canvas", { width: side, height: side });
  const picture = new ImageData(side, side);
  every.forEach((value, index) => picture.data.set([...heat((value - low) / (high - low || 1)), 255], 4 * index));
  small.getContext("2d").putImageData(picture, 0, 0);
  const half = extent / (side - 1); // the outer values are on the edge of the map
  const [left, top] = pixel(pen, frame, [-extent - half, extent + half]);
  const [right, bottom] = pixel(pen, frame, [extent + half, -extent - half]);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, left, top, right - left, bottom - top);
  return [low, high];
}

/** The number of the code that is nearest to a place, or -1 if none is within a distance. */
export function nearestCode(places, [a, b], distance) {
  let [best, found] = [distance ** 2, -1];
  places.forEach(([x, y], index) => {
    const square = (x - a) ** 2 + (y - b) ** 2;
    if (square < best) [best, found] = [square, index];
  });
  return found;
}

function pixel(pen, { centre, extent }, [a, b]) {
  const half = pen.canvas.side / 2;
  return [((a - centre[0]) / extent + 1) * half, (1 - (b - centre[1]) / extent) * half];
}
