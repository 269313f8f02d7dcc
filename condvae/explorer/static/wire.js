// The way to the model: requests to the server. The page without a server has another module with the same functions.
// Images are { pixels: Uint8Array, shape: [B, C, H, W] }. Every function throws an Error with a message for the user.

const BASE = new URL("../api/v1/", import.meta.url);

/** The model, and what its page is made of. */
export const describe = () => get("model");

/** A plane through the latent space, and the codes on it. */
export const plane = (name = "") => get(`plane?name=${encodeURIComponent(name)}`);

/** Latent vectors at which labels are compared, and how many of them are in a row. */
export const grid = (name) => get(`grid?name=${encodeURIComponent(name)}`);

/** The figures of the run's evaluation, its claims and its settings. */
export const evidence = () => get("evidence");

/** A measure of the images on a grid of a plane. The first row is at the top. */
export const overlay = async (wanted) => (await post("overlay", wanted)).values;

/** Images of labels at latent vectors, and whether each is `supported` by codes near it. */
export const decode = (wanted) => images("decode", wanted);

/** A latent vector that is drawn with a seed. */
export const draw = async (wanted) => (await post("generate", wanted)).z[0];

/** The training images that are nearest to a generated image, with their labels and distances. */
export const nearest = (wanted) => images("nearest", wanted);

/** An image with other labels: its `prepared` form and its `reconstruction` as images, and where it is encoded. */
export async function restyle(wanted) {
  const { prepared, reconstruction, images: nested, shape, ...about } = await post("restyle", wanted);
  const one = (lists) => ({ pixels: Uint8Array.from(lists.flat(2)), shape: [1, ...shape.slice(1)] });
  return { ...about, prepared: one(prepared), reconstruction: one(reconstruction), pixels: Uint8Array.from(nested.flat(3)), shape };
}

/** The images along a path. */
export const interpolate = (wanted) => images("interpolate", wanted);

/** An animation as a Blob, in one of the formats of the model's description. */
export const film = async (format, wanted) => (await ask(`animate?format=${format}`, wanted)).blob();

async function ask(route, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(new URL(route, BASE), options);
  if (!response.ok) throw new Error(await message(response));
  return response;
}

async function get(route) {
  return (await ask(route)).json();
}

async function post(route, body) {
  return (await ask(route, body)).json();
}

async function images(route, body) {
  const response = await ask(`${route}?format=raw`, body);
  const shape = response.headers.get("X-Shape").split(",").map(Number);
  return { ...JSON.parse(response.headers.get("X-About")), shape, pixels: new Uint8Array(await response.arrayBuffer()) };
}

async function message(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : detail.map((one) => `${one.loc.slice(1).join(".")}: ${one.msg}`).join("; ");
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
