// Keeps the page for use without a network. VERSION, FILES and LATER are written above when the page is made. What only
// some browsers need is in LATER, and is kept when it is first used.

const OWN = `condvae ${registration.scope}`;
const NAME = `${OWN} ${VERSION}`;

addEventListener("install", (event) => event.waitUntil((async () => {
  await (await caches.open(NAME)).addAll(FILES);
  await skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  const old = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith((async () => {
    const cache = await caches.open(NAME);
    const kept = await cache.match(event.request, { ignoreSearch: true });
    if (kept) return kept;
    const found = await fetch(event.request);
    if (found.ok && LATER.some((name) => new URL(name, registration.scope).href === event.request.url)) await cache.put(event.request, found.clone());
    return found;
  })());
});
