// Evidence: what was measured of the run, its claims and settings, and the training images nearest to the current one.

import { actions } from "./actions.js";
import { conditions, labelChoice } from "./controls.js";
import { fill, h } from "./dom.js";
import { paint, row } from "./paint.js";
import { current, watchOpen } from "./state.js";
import { get, images, newest } from "./wire.js";

const REST = 200; // milliseconds after which the nearest images follow

export async function mount(root, model, t, loaded) {
  const image = h("canvas", { role: "img", "aria-label": t("this-image") });
  const nearest = h("div", { className: "strip" });
  const told = h("p", { role: "status" });
  const { figures, claims, settings } = await get("evidence");
  const { of_data: known } = await get("plane");
  const heads = ["figure", "measured", "count", "protocol"].map((name) => h("th", { scope: "col" }, t(name)));
  const rows = figures.map((one) => h("tr", {},
    h("th", { scope: "row" }, `${one.part}: ${one.title}`), h("td", {}, `${number(one.value, 4)} ± ${number(one.error, 2)}`),
    h("td", {}, one.count.toLocaleString()), h("td", {}, one.protocol)));
  fill(root,
    h("h3", {}, t("nearest")), h("p", {}, t("nearest-how")), labelChoice(model, t), h("div", { className: "beside" }, image, nearest), told, actions("evidence", t),
    claims.length ? h("h3", {}, t("claims")) : null,
    h("ol", {}, claims.map((one) => h("li", {}, `${one.statement} `, h("strong", {}, one.verdict)))),
    h("h3", {}, t("evaluation")),
    rows.length ? h("div", { className: "scrolls", tabIndex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))) : h("p", {}, t("not-evaluated")),
    h("h3", {}, t("settings")), h("pre", { className: "code", tabIndex: 0 }, JSON.stringify(settings, null, 2)),
  );
  const look = newest(async (state) => {
    paint(image, await images("decode", { ...conditions(model, state), z: state.z }));
    if (!known) {
      told.textContent = t("no-data");
      loaded(state);
      return;
    }
    const { labels: label, attributes } = conditions(model, state);
    const answer = await images("nearest", { label, attributes, z: state.z });
    const distances = answer.distances.map((value) => value.toFixed(3));
    row(nearest, answer, answer.labels.map((name, index) => t("neighbour", name, distances[index])));
    told.textContent = t("distance", distances.join(", "));
    loaded(state);
  }, (text) => {
    told.textContent = text;
    loaded(current());
  });
  let waiting = 0;
  watchOpen("evidence", (state) => { clearTimeout(waiting); waiting = setTimeout(() => look(state), REST); });
  look(current());
}

function number(value, digits) {
  return Number(value.toPrecision(digits)).toString();
}
