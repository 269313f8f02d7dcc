// Which engine runs a graph: the processor (WASM), or the graphics card (WebGPU) where it is faster.
//
// A graph of a thousand small operations is faster on the processor, and one of few large ones on a graphics card. Nobody
// knows beforehand, so both are timed.

import { WASM, WEBGPU, graph } from "./runtime.js";

const RUNS = 5; // of each engine
const CALM = 2000; // milliseconds before the graphics card is tried, in which the page opens
const SAME = 1; // levels of 255 by which images may differ

export const NAMES = { [WASM]: "wasm", [WEBGPU]: "webgpu" };

/**
 * A function that runs a graph on the engine that is `wanted` ("wasm" or "webgpu"). If none is, it begins on the processor
 * and goes on with the graphics card once this was found to be faster. Its property `engine` is the name of the engine.
 */
export function fastest(address, wanted) {
  const engines = { [WASM]: graph(address, WASM), [WEBGPU]: graph(address, WEBGPU) };
  let chosen = wanted === NAMES[WEBGPU] ? WEBGPU : WASM;
  let isSettled = Boolean(wanted);
  const run = (inputs) => {
    if (!isSettled) {
      isSettled = true;
      setTimeout(async () => { if (await isFaster(engines, inputs)) chosen = WEBGPU; }, CALM);
    }
    return engines[chosen](inputs);
  };
  return Object.defineProperty(run, "engine", { get: () => NAMES[chosen] });
}

/** Whether the graphics card gives the same images in less time. It is not if there is none, or if it fails. */
async function isFaster(engines, inputs) {
  try {
    if (!(await hasCard())) return false;
    const [processor, card] = [await timed(engines[WASM], inputs), await timed(engines[WEBGPU], inputs)];
    const differs = processor.images.some((value, place) => Math.abs(value - card.images[place]) > SAME);
    return !differs && card.median < processor.median;
  } catch {
    return false;
  }
}

/** Whether the browser can compute on a graphics card, and not only imitate one. */
async function hasCard() {
  if (!navigator.gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu.requestAdapter();
  return Boolean(adapter) && !adapter.info.isFallbackAdapter;
}

async function timed(run, inputs) {
  let found = await run(inputs); // makes the session ready
  const times = [];
  for (let count = 0; count < RUNS; count += 1) {
    const begun = performance.now();
    found = await run(inputs);
    times.push(performance.now() - begun);
  }
  return { images: found.images.data, median: times.sort((a, b) => a - b)[RUNS >> 1] };
}
