// The way to the model of a page without a server: the same questions as in ../wire.js, answered by a worker.

const asking = new URLSearchParams(location.search).get("engine"); // the engine that the address of the page asks for
const worker = new Worker(new URL(`./worker.js${asking ? `?engine=${asking}` : ""}`, import.meta.url), { type: "module" });
const waiting = new Map();
let asked = 0;

worker.addEventListener("message", ({ data: { number, answer, error } }) => {
  const { resolve, reject } = waiting.get(number);
  waiting.delete(number);
  if (error === undefined) resolve(answer);
  else reject(new Error(error));
});
worker.addEventListener("error", ({ message }) => {
  waiting.forEach(({ reject }) => reject(new Error(message || "The model of this page could not be loaded.")));
  waiting.clear();
});

function ask(question, ...given) {
  asked += 1;
  return new Promise((resolve, reject) => {
    waiting.set(asked, { resolve, reject });
    worker.postMessage({ number: asked, question, given });
  });
}

export const describe = () => ask("describe");
export const plane = (name = "") => ask("plane", name);
export const grid = (name) => ask("grid", name);
export const evidence = () => ask("evidence");
export const overlay = (wanted) => ask("overlay", wanted);
export const engine = () => ask("engine"); // "wasm" or "webgpu"
export const decode = (wanted) => ask("decode", wanted);
export const draw = (wanted) => ask("draw", wanted);
export const restyle = (wanted) => ask("restyle", wanted);
export const interpolate = (wanted) => ask("interpolate", wanted);
export const film = (format, wanted) => ask("film", format, wanted);

/** A page without a server has no training images. Its description says so. */
export const nearest = async () => { throw new Error("The training images are not available."); };
