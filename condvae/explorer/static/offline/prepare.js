// Prepare a drawn or uploaded picture as condvae does (condvae/data/prepare.py), which a test compares.
// A picture is a list of planes, one for each channel: { data: Float32Array from 0 to 255, height, width }.

import { resized, resizedFast } from "./resize.js";

const FAINT = 0.1; // share of the strongest difference from the background below which a pixel is background
const PLAIN = 12; // standard deviation of the border pixels up to which a background is uniform
const GAP = 3; // how much larger a picture stays before its last resizing, as `reducing_gap` of Pillow
const LARGE = 2000; // pixels of a side to which larger pictures are scaled first
const GREY = [19595, 38470, 7471]; // of 65536, for red, green and blue

/** Read an image file, given as base64 text or as a data URL: three planes. Transparent pixels become white. */
export async function open(text) {
  let bitmap;
  try {
    const bytes = Uint8Array.from(atob(text.split(",").pop()), (one) => one.charCodeAt(0));
    bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
  } catch {
    throw new Error("This cannot be read as an image; allowed: an image file (PNG, JPEG, WebP, GIF or BMP).");
  }
  const scale = Math.min(1, LARGE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(bitmap, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  return [0, 1, 2].map((channel) => ({ data: Float32Array.from({ length: width * height }, (_, index) => data[4 * index + channel]), height, width }));
}

/**
 * Make a picture like the images of a model: its pixels, Uint8Array (C, H, W), and the steps that were taken.
 *
 * `habits` say how objects lie in the images of the model.
 */
export function prepare(picture, habits) {
  const { shape: [channels, height, width], ground: usual } = habits;
  const steps = [];
  let planes = picture;
  if (channels === 1) {
    if (picture.some(({ data }) => data.some((value, index) => value !== picture[0].data[index]))) steps.push("grey");
    planes = [grey(picture)];
  }
  const fits = planes[0].height === height && planes[0].width === width;
  if (usual === null) {
    return { pixels: bytes(fits ? planes : fitted(planes, height, width, habits.resize)), steps: fits ? steps : [...steps, "scaled"] };
  }
  let ground = median(border(planes));
  if (Math.abs(ground - usual) > 255 / 2) {
    planes = planes.map((plane) => changed(plane, (value) => 255 - value));
    ground = 255 - ground;
    steps.push("inverted");
  }
  const box = boxOf(strength(planes.map((plane) => changed(plane, (value) => value - ground))));
  if (!box) throw new Error("The image is empty: all of its pixels are like its border. Draw something, or choose another image.");
  if (fits && Math.abs(ground - usual) < PLAIN) return { pixels: bytes(planes), steps };
  return placed(planes.map((plane) => cut(changed(plane, (value) => value - ground), box)), habits, steps);
}

/** Scale an object without its background, stretch its contrast, and place it where objects of the model are. */
function placed(cutOut, habits, steps) {
  const { shape: [channels, height, width], ground, extent, by_mass: byMass } = habits;
  let thing = cutOut;
  const longer = Math.max(thing[0].height, thing[0].width);
  const scale = extent / longer;
  if (roundEven(scale * longer) !== longer) {
    const [wide, high] = [thing[0].width, thing[0].height].map((side) => Math.max(1, roundEven(side * scale)));
    thing = thing.map((plane) => resized(plane, wide, high, scale < 1 ? "box" : "bicubic"));
    steps.push("scaled");
  }
  const peak = thing.reduce((most, { data }) => data.reduce((one, value) => Math.max(one, Math.abs(value)), most), 0);
  const full = Math.max(ground, 255 - ground);
  if (channels === 1 && Math.abs(full - peak) > PLAIN) {
    thing = thing.map((plane) => changed(plane, (value) => value * (full / peak)));
    steps.push("stretched");
  }
  const [high, wide] = [thing[0].height, thing[0].width];
  const centre = byMass ? mass(strength(thing)) : [(high - 1) / 2, (wide - 1) / 2];
  const [down, right] = habits.centre.map((value, axis) => roundEven(value - centre[axis]));
  const pixels = new Uint8Array(channels * height * width);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let row = 0; row < height; row += 1) for (let column = 0; column < width; column += 1) {
      const [y, x] = [row - down, column - right];
      const value = y >= 0 && y < high && x >= 0 && x < wide ? thing[channel].data[y * wide + x] : 0;
      pixels[(channel * height + row) * width + column] = Math.min(255, Math.max(0, roundEven(ground + value)));
    }
  }
  return { pixels, steps: [...steps, "centred"] };
}

/** Resize a picture without a uniform background. */
function fitted(planes, height, width, resize) {
  const [own, high] = [planes[0].width, planes[0].height];
  if (resize === "pad") {
    const share = Math.min(width / own, height / high);
    const [wide, tall] = [own, high].map((side) => Math.max(1, roundEven(side * share)));
    const inner = planes.map((plane) => resizedFast(plane, wide, tall, "lanczos", GAP));
    const [left, top] = [Math.floor((width - wide) / 2), Math.floor((height - tall) / 2)];
    return inner.map((plane) => {
      const data = new Float32Array(height * width).fill(Math.round(median(border([plane]))));
      for (let row = 0; row < tall; row += 1) data.set(plane.data.subarray(row * wide, (row + 1) * wide), (row + top) * width + left);
      return { data, height, width };
    });
  }
  const share = Math.min(own / width, high / height);
  const [left, top] = resize === "crop" ? [Math.max(0, (own - share * width) / 2), Math.max(0, (high - share * height) / 2)] : [0, 0];
  return planes.map((plane) => resizedFast(plane, width, height, "lanczos", GAP, [left, top, own - left, high - top]));
}

function grey(picture) {
  const { height, width } = picture[0];
  const value = (index) => Math.floor((GREY.reduce((sum, part, channel) => sum + part * picture[channel].data[index], 0) + 32768) / 65536);
  return { data: Float32Array.from({ length: height * width }, (_, index) => value(index)), height, width };
}

function changed({ data, ...size }, change) {
  return { data: data.map(change), ...size };
}

function cut({ data, width }, [top, bottom, left, right]) {
  const rows = Array.from({ length: bottom - top }, (_, row) => data.subarray((top + row) * width + left, (top + row) * width + right));
  const found = new Float32Array((bottom - top) * (right - left));
  rows.forEach((row, index) => found.set(row, index * (right - left)));
  return { data: found, height: bottom - top, width: right - left };
}

/** The mean of the absolute values over the channels. */
function strength(planes) {
  const { height, width } = planes[0];
  const data = Float32Array.from({ length: height * width }, (_, index) => planes.reduce((sum, plane) => sum + Math.abs(plane.data[index]), 0) / planes.length);
  return { data, height, width };
}

/** Top, bottom, left and right of the pixels stronger than the background, or null if there are none. */
function boxOf({ data, height, width }) {
  const peak = data.reduce((most, value) => Math.max(most, value), 0);
  if (peak < 255 * FAINT) return null;
  const box = [height, 0, width, 0];
  data.forEach((value, index) => {
    if (value <= peak * FAINT) return;
    const [row, column] = [Math.floor(index / width), index % width];
    box[0] = Math.min(box[0], row);
    box[1] = Math.max(box[1], row + 1);
    box[2] = Math.min(box[2], column);
    box[3] = Math.max(box[3], column + 1);
  });
  return box;
}

/** The centre of mass, row and column. */
function mass({ data, width }) {
  let [total, down, right] = [0, 0, 0];
  data.forEach((value, index) => {
    total += value;
    down += value * Math.floor(index / width);
    right += value * (index % width);
  });
  return [down / total, right / total];
}

function border(planes) {
  return planes.flatMap(({ data, height, width }) => [
    ...data.subarray(0, width), ...data.subarray((height - 1) * width),
    ...Array.from({ length: height }, (_, row) => data[row * width]), ...Array.from({ length: height }, (_, row) => data[row * width + width - 1]),
  ]);
}

function median(values) {
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Round halves to the even number, as Python does. */
function roundEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(value);
}

function bytes(planes) {
  const area = planes[0].data.length;
  const found = new Uint8Array(planes.length * area);
  planes.forEach(({ data }, channel) => found.set(data, channel * area));
  return found;
}
