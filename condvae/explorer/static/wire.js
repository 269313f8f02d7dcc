// The way to the server: images as raw bytes, and of many requests only the newest.

const BASE = new URL("../api/v1/", import.meta.url);

/** Ask a route: a body for POST, none for GET. Throws an Error with the server's message. */
export async function ask(route, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(new URL(route, BASE), options);
  if (!response.ok) throw new Error(await message(response));
  return response;
}

/** The JSON that a route answers. */
export async function get(route, body) {
  return (await ask(route, body)).json();
}

/** Images of a route: { pixels: Uint8Array, shape: [B, C, H, W], and what else the server says of them }. */
export async function images(route, body) {
  const response = await ask(`${route}?format=raw`, body);
  const shape = response.headers.get("X-Shape").split(",").map(Number);
  return { ...JSON.parse(response.headers.get("X-About")), shape, pixels: new Uint8Array(await response.arrayBuffer()) };
}

/**
 * Wrap an asynchronous function so that one call is under way at a time, and of those asked for meanwhile only the
 * newest follows: no backlog, and the last one always arrives. Errors are told by `tell`, as text.
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
