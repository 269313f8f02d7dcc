// What pointers do on a map: one hovers, taps or drags, two pinch and move the map, and the wheel enlarges it.

import { MOVED, at } from "./map.js";

const DRAG = 0.02; // how far a pointer may move in a tap, as a share of the map
const WHEEL = 0.002; // of the size of the frame, for each pixel that the wheel scrolls

/**
 * Follow the pointers of a map. `frame` returns the part that the map shows. `on` has functions: hover(place),
 * drag(start, place), tap(place), end() when a pointer has left or a drag is over, zoom(place, times) and pan([a, b]).
 */
export function follow(map, frame, on) {
  const pointers = new Map(); // those that are down, by their number
  let start = null; // where a tap or a drag began
  const far = (place) => Math.hypot(place[0] - start[0], place[1] - start[1]) > DRAG * 2 * frame().extent;
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    start = pointers.size === 1 ? at(event, map, frame()) : null;
    if (start) on.hover(start);
  });
  map.addEventListener(MOVED, (event) => {
    if (pointers.size > 1) {
      if (pointers.has(event.pointerId)) pinch(map, frame, pointers, event, on);
      return;
    }
    const place = at(event, map, frame());
    on.hover(place);
    if (start && far(place)) on.drag(start, place);
  });
  const lift = (event) => {
    if (start && event.type === "pointerup" && !far(at(event, map, frame()))) on.tap(at(event, map, frame()));
    pointers.delete(event.pointerId);
    start = null;
    on.end();
  };
  map.addEventListener("pointerup", lift);
  map.addEventListener("pointercancel", lift);
  map.addEventListener("pointerleave", () => { if (!pointers.size) on.end(); });
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    on.zoom(at(event, map, frame()), Math.exp(event.deltaY * WHEEL));
  }, { passive: false });
}

/** Let two pointers enlarge the map by their distance, and move it by the point between them. */
function pinch(map, frame, pointers, event, on) {
  const pair = () => [...pointers.values()].slice(0, 2).map((one) => at(one, map, frame()));
  const between = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const apart = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1e-9;
  const before = pair();
  pointers.set(event.pointerId, event);
  const after = pair();
  on.pan(between(before).map((value, axis) => value - between(after)[axis]));
  on.zoom(between(pair()), apart(before) / apart(after));
}
