// The model in a worker. It answers the questions of wire.js with the graphs and the data of the page.

import { filled } from "../conditions.js";
import { Codes } from "./codes.js";
import { fastest } from "./engines.js";
import { gif } from "./gif.js";
import { Model } from "./model.js";
import { open, prepare } from "./prepare.js";
import { normals, uniforms } from "./random.js";
import { graph, loaded } from "./runtime.js";

const FOLDER = new URL("../../model/", import.meta.url);
const GRAPHS = ["condition", "encode", "vectors", "classify", "measure"];
const address = (name) => new URL(`${name}.onnx`, FOLDER);
const decoder = fastest(address("decode"), new URLSearchParams(location.search).get("engine"));
const graphs = { decode: decoder, ...Object.fromEntries(GRAPHS.map((name) => [name, graph(address(name))])) };
const content = once(async () => (await file("page.json")).json());
const model = once(async () => new Model((await content()).model, graphs));
const codes = once(async () => new Codes((await content()).codes, await (await file("codes.bin")).arrayBuffer()));
const heat = once(async () => new Uint8Array(await (await file("heat.bin")).arrayBuffer()));

const questions = {
  describe: async () => (await content()).model,
  evidence: async () => (await content()).evidence,
  grid: async (name) => (await content()).grids[name],
  plane: async (name) => (await codes()).plane(name),
  engine: () => decoder.engine,
  overlay, decode, draw, restyle, interpolate,
  film: async (_, wanted) => gif(await interpolate(wanted), wanted.rate, (await content()).model.enlarged),
};

addEventListener("message", async ({ data: { number, question, given } }) => {
  try {
    postMessage({ number, answer: await questions[question](...given) });
  } catch (error) {
    postMessage({ number, error: error.message });
  }
});
model().then((ready) => ready.vectors(ready.rows(null, {}))); // begin to load what every view needs

/** Images of labels at latent vectors, each label at each vector. */
async function decode({ label = null, attributes = {}, z }) {
  const [own, known] = await Promise.all([model(), codes()]);
  const vectors = Array.isArray(z[0]) ? z : [z];
  const rows = own.rows(label, filled(own.about, attributes));
  const y = await own.vectors(rows);
  const width = y.length / rows.length;
  const repeated = new Float32Array(y.length * vectors.length);
  rows.forEach((_, row) => vectors.forEach((_, index) => repeated.set(y.subarray(row * width, (row + 1) * width), (row * vectors.length + index) * width)));
  const found = await own.images(rows.flatMap(() => vectors.flat()), repeated);
  return { ...found, supported: rows.flatMap((row) => vectors.map((place) => known.supported(place, row.label ?? -1))) };
}

/** A latent vector from the prior, which is N(0, I), or from the mixture. */
async function draw({ label = null, attributes = {}, seed, prior }) {
  const own = await model();
  const uniform = uniforms(seed);
  const noise = normals(uniform, own.about.latent);
  const [usual] = own.about.priors;
  return prior === usual ? noise : own.mixture(noise, uniform(), own.rows(label, filled(own.about, attributes))[0]);
}

/** An image with other labels. Its own label is detected if it is left out, and attributes are measured if possible. */
async function restyle({ image, prepare: wanted = true, label = null, new_label: others = null }) {
  const own = await model();
  const { habits } = await content();
  const { shape, classes, typical, latent } = own.about;
  const { pixels, steps } = prepare(await open(image), wanted ? habits : { ...habits, ground: null, resize: "crop" });
  const measured = own.about.attributes.length ? await own.measures(pixels) : {};
  const attributes = Object.fromEntries(own.about.attributes.map(({ name }) => [name, measured[name] ?? typical[name]]));
  const found = classes.length ? label ?? classes[await own.detected(pixels, attributes)] : null;
  const [row] = own.rows(found, attributes);
  const { mean, deviation } = await own.encoded(pixels, [row]);
  const targets = others === null && !classes.length ? [row] : own.rows(others ?? classes, attributes);
  const repeated = new Float32Array(latent * targets.length);
  targets.forEach((_, index) => repeated.set(mean, index * latent));
  return {
    label: found, attributes, steps, z: Array.from(mean), deviation: Array.from(deviation),
    prepared: { pixels, shape: [1, ...shape] },
    reconstruction: await own.images(mean, await own.vectors([row])),
    ...await own.images(repeated, await own.vectors(targets)),
  };
}

/** The images along a path. Latent vectors and condition vectors change linearly between two stops. */
async function interpolate({ path, steps }) {
  const own = await model();
  if (path.length < 2) throw new Error("A path needs at least two stops. Add stops first.");
  const y = await own.vectors(path.map((stop) => own.rows(stop.label ?? null, filled(own.about, stop.attributes ?? {}))[0]));
  const width = y.length / path.length;
  const places = Array.from({ length: (path.length - 1) * steps + 1 }, (_, place) => place / steps);
  const between = (size, value) => Float32Array.from(places.flatMap((place) => {
    const before = Math.min(Math.floor(place), path.length - 2);
    return Array.from({ length: size }, (_, index) => value(before, index) + (place - before) * (value(before + 1, index) - value(before, index)));
  }));
  return own.images(between(own.about.latent, (stop, index) => path[stop].z[index]), between(width, (stop, index) => y[stop * width + index]));
}

/** A measure on a grid of a plane, which was computed when the page was made. */
async function overlay({ measure, plane, label = null }) {
  const { heat: { side, maps } } = await content();
  const found = maps.find((map) => map.measure === measure && map.plane === plane && map.label === label);
  if (!found) throw new Error("This page has no heat map of this plane. Open the model with 'condvae explore' to see it.");
  const bytes = (await heat()).subarray(found.start, found.start + side * side);
  const value = (byte) => found.low + (byte / 255) * (found.high - found.low);
  return Array.from({ length: side }, (_, row) => Array.from(bytes.subarray(row * side, (row + 1) * side), value));
}

/** A function that does its work once. */
function once(work) {
  let found = null;
  return () => (found ??= work());
}

function file(name) {
  return loaded(new URL(name, FOLDER));
}
