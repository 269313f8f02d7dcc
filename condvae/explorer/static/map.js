// Drawing on a map of the latent space: a square canvas from -extent to extent, with the second axis upwards.

import { h } from "./dom.js";
import { colour, heat } from "./paint.js";

const MANY = 1500; // points above which they are drawn as a density

/** The place of a pointer on the map. */
export function at(event, canvas, extent) {
  const box = canvas.getBoundingClientRect();
  return [((2 * (event.clientX - box.left)) / box.width - 1) * extent, (1 - (2 * (event.clientY - box.top)) / box.height) * extent];
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
export function rings(pen, extent, place, ink, deviations = [1, 1], turn = 0) {
  const unit = pen.canvas.width / (2 * extent);
  const [x, y] = pixel(pen, extent, place);
  Object.assign(pen, { strokeStyle: ink, lineWidth: 1 });
  for (const times of [1, 2]) {
    pen.beginPath();
    pen.ellipse(x, y, Math.max(1, times * deviations[0] * unit), Math.max(1, times * deviations[1] * unit), -turn, 0, 2 * Math.PI);
    pen.stroke();
  }
}

export function dot(pen, extent, place, ink, size) {
  const [x, y] = pixel(pen, extent, place);
  pen.fillStyle = ink;
  pen.beginPath();
  pen.arc(x, y, size, 0, 2 * Math.PI);
  pen.fill();
}

/** A line through places, in colours that are visible on any background. */
export function line(pen, extent, places) {
  for (const [ink, width] of [["white", 5], ["black", 2]]) {
    Object.assign(pen, { strokeStyle: ink, lineWidth: width });
    pen.beginPath();
    places.forEach((place, index) => pen[index ? "lineTo" : "moveTo"](...pixel(pen, extent, place)));
    pen.stroke();
  }
}

export function cross(pen, extent, [a, b]) {
  const arm = (9 * 2 * extent) / pen.canvas.width;
  line(pen, extent, [[a - arm, b], [a + arm, b]]);
  line(pen, extent, [[a, b - arm], [a, b + arm]]);
}

/** Codes coloured by class, as points or, if there are many, as a density. They are fainter on a heat map. */
export function points(pen, extent, { points: places, labels, classes }, heated = false) {
  const many = places.length > MANY;
  const radius = pen.canvas.width * (many ? 0.016 : 0.005);
  const brushes = Array.from({ length: Math.max(1, classes.length) }, (_, label) => brush(radius, colour(label, classes.length), many));
  pen.globalAlpha = (many ? 0.35 : 0.8) * (heated ? 0.3 : 1);
  places.forEach((place, index) => {
    const [x, y] = pixel(pen, extent, place);
    pen.drawImage(brushes[labels[index]], x - radius, y - radius);
  });
  pen.globalAlpha = 1;
}

/** A disc of a colour. If it is soft, it fades towards its edge. */
function brush(radius, ink, soft) {
  const canvas = h("canvas", { width: 2 * radius, height: 2 * radius });
  const pen = canvas.getContext("2d");
  const rings = soft ? 8 : 1;
  Object.assign(pen, { fillStyle: ink, globalAlpha: 1 / rings });
  for (let ring = 1; ring <= rings; ring += 1) {
    pen.beginPath();
    pen.arc(radius, radius, (radius * ring) / rings, 0, 2 * Math.PI);
    pen.fill();
  }
  return canvas;
}

/** A heat map of values on a grid of the map, top row first. Returns the lowest and the highest value. */
export function heatMap(pen, values) {
  const every = values.flat();
  const [low, high] = [Math.min(...every), Math.max(...every)];
  const cell = pen.canvas.width / values.length;
  values.forEach((row, y) => row.forEach((value, x) => {
    pen.fillStyle = `rgb(${heat((value - low) / (high - low || 1)).join(",")})`;
    pen.fillRect(Math.floor(x * cell), Math.floor(y * cell), Math.ceil(cell) + 1, Math.ceil(cell) + 1);
  }));
  return [low, high];
}

/** The coordinates of a latent vector on a plane. */
export function onto(plane, z) {
  return plane.axes.map((axis) => axis.reduce((sum, part, index) => sum + part * (z[index] - plane.origin[index]), 0));
}

/** The latent vector at a place of a plane. Its coordinates outside the plane are those of z. */
export function from(plane, z, [a, b]) {
  const [p, q] = onto(plane, z);
  return z.map((value, index) => value + (a - p) * plane.axes[0][index] + (b - q) * plane.axes[1][index]);
}

/** Latent vectors on the straight line from one to another, in `steps` steps. */
export function way(start, end, steps) {
  return Array.from({ length: steps + 1 }, (_, step) => start.map((value, index) => value + ((end[index] - value) * step) / steps));
}

/** Standard deviations along the principal axes of a posterior on a plane, and the angle of the first axis. */
export function spread(plane, deviations) {
  const [u, v] = plane.axes;
  const sum = (left, right) => deviations.reduce((total, sd, index) => total + sd * sd * left[index] * right[index], 0);
  const [a, b, c] = [sum(u, u), sum(v, v), sum(u, v)];
  const root = Math.sqrt(((a - b) / 2) ** 2 + c * c);
  return { deviations: [Math.sqrt((a + b) / 2 + root), Math.sqrt(Math.max(0, (a + b) / 2 - root))], turn: Math.atan2(2 * c, a - b) / 2 };
}

function pixel(pen, extent, [a, b]) {
  const half = pen.canvas.width / 2;
  return [(a / extent + 1) * half, (1 - b / extent) * half];
}
