// The graphs of the model in onnxruntime-web. The file of its program is compressed, so that any static server will do.

import { InferenceSession, Tensor, env } from "./vendor/ort.wasm.bundle.min.mjs";

let program = null; // the compiled runtime, which the first session waits for

/** A function that runs a graph: inputs by name, { type, data, dims }, to outputs by name. It loads when first used. */
export function graph(address) {
  let session = null;
  return async (inputs) => {
    session ??= opened(address);
    const found = await session;
    const tensors = Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]);
    return found.run(Object.fromEntries(tensors));
  };
}

async function opened(address) {
  program ??= unpacked(new URL("./vendor/ort-wasm-simd-threaded.wasm.packed", import.meta.url));
  env.wasm.wasmBinary = await program;
  env.wasm.numThreads = 1; // more need headers that a static server does not send
  return InferenceSession.create(new Uint8Array(await (await loaded(address)).arrayBuffer()));
}

/** The content of a file that gzip compressed. */
async function unpacked(address) {
  const stream = (await loaded(address)).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** A file of the page. */
export async function loaded(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`A file of this page is missing (${response.status}): ${new URL(address, import.meta.url).pathname.split("/").pop()}`);
  return response;
}
