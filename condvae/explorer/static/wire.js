// Requests to the server. Images arrive as raw bytes, and of many requests only the newest is sent.

const BASE = new URL("../api/v1/", import.meta.url);

/** Send a request: POST with a body, GET without. Throws an Error with the message of the server. */
export async function ask(route, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(new URL(route, BASE), options);
  if (!response.ok) throw new Error(await message(response));
  return response;
}

/** The JSON answer of a route. */
export async function get(route, body) {
  return (await ask(route, body)).json();
}

/** The images of a route: { pixels: Uint8Array, shape: [B, C, H, W] } and the further values of the answer. */
export async function images(route, body) {
  const response = await ask(`${route}?format=raw`, body);
  const shape = response.headers.get("X-Shape").split(",").map(Number);
  return { ...JSON.parse(response.headers.get("X-About")), shape, pixels: new Uint8Array(await response.arrayBuffer()) };
}

/**
 * Wrap an asynchronous function so that one call runs at a time. Of the calls made meanwhile, only the newest follows.
 * So there is no queue, and the last call always runs. Errors are passed to `tell` as text.
 */
export function newest(work, tell) {
  let busy = false;
  let next = null;
  return async function run(...given) {
    next = given;
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const now = next;
        next = null;
        try {
          await work(...now);
        } catch (error) {
          tell(error.message);
        }
      }
    } finally {
      busy = false;
    }
  };
}

async function message(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : detail.map((one) => `${one.loc.slice(1).join(".")}: ${one.msg}`).join("; ");
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
