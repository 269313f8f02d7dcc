// The graphs of the model in onnxruntime-web. The file of its program is compressed, so that any static server will do.

export const WASM = "wasm", WEBGPU = "jspi"; // the builds of onnxruntime-web: for the processor, and for the graphics card
const PROVIDERS = { [WASM]: "wasm", [WEBGPU]: "webgpu" };
const builds = {}; // that are loaded

/** A function that runs a graph: inputs by name, { type, data, dims }, to outputs by name. It loads when first used. */
export function graph(address, build = WASM) {
  let session = null;
  return async (inputs) => {
    session ??= opened(address, build);
    const [found, { Tensor }] = await Promise.all([session, builds[build]]);
    const tensors = Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]);
    return found.run(Object.fromEntries(tensors));
  };
}

async function opened(address, build) {
  builds[build] ??= started(build);
  const [{ InferenceSession }, file] = await Promise.all([builds[build], loaded(address)]);
  return InferenceSession.create(new Uint8Array(await file.arrayBuffer()), { executionProviders: [PROVIDERS[build]], logSeverityLevel: 3 });
}

/** A build of onnxruntime-web that is ready. */
async function started(build) {
  const [ort, program] = await Promise.all([
    import(`./vendor/ort.${build}.bundle.min.mjs`),
    unpacked(new URL(`./vendor/${build}.wasm.packed`, import.meta.url)),
  ]);
  ort.env.wasm.wasmBinary = program;
  ort.env.wasm.numThreads = 1; // more need headers that a static server does not send
  return ort;
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
