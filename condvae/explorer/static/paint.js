// Drawing pixels on canvases.

import { h } from "./dom.js";

/** A canvas with the size of the model's images, on which nothing is drawn yet. */
export function blank({ shape: [, height, width] }, properties = {}) {
  return h("canvas", { width, height, ...properties });
}

/** Draw one image of a batch on a canvas, pixel by pixel. CSS enlarges it. */
export function paint(canvas, { pixels, shape }, index = 0) {
  const [, channels, height, width] = shape;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const area = height * width;
  const { data } = (canvas.picture ??= new ImageData(width, height));
  const start = index * channels * area;
  const next = channels === 1 ? 0 : area;
  for (let pixel = 0; pixel < area; pixel += 1) {
    const place = start + pixel;
    data[4 * pixel] = pixels[place];
    data[4 * pixel + 1] = pixels[place + next];
    data[4 * pixel + 2] = pixels[place + 2 * next];
    data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(canvas.picture, 0, 0);
}

/** A canvas for each image of a batch, each with a title for screen readers and pointers. */
export function row(box, answer, titles) {
  const count = answer.shape[0];
  while (box.children.length > count) box.lastChild.remove();
  while (box.children.length < count) box.append(h("canvas", { role: "img" }));
  [...box.children].forEach((canvas, index) => {
    paint(canvas, answer, index);
    canvas.title = titles[index];
    canvas.setAttribute("aria-label", titles[index]);
  });
}

/**
 * The colour of a class: up to ten from a palette that is safe for colour blindness. Of more, neighbours are far apart on the
 * colour circle, and three shades take turns.
 */
export function colour(index, count) {
  const known = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a800", "#7f7f7f", "#8c510a", "#5e3c99"];
  return count <= known.length ? known[index] : `hsl(${Math.round(137.508 * index) % 360} 70% ${[45, 60, 35][index % 3]}%)`;
}

/** The colour of a value in [0, 1], from dark blue to yellow, close to the colour map cividis. */
export function heat(value) {
  const stops = [[0, 34, 78], [87, 93, 109], [166, 157, 117], [253, 231, 55]];
  const place = Math.min(Math.max(value, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((start, channel) => Math.round(start + (place - low) * (stops[low + 1][channel] - start)));
}
