// The page: the model's description and the texts, once; then each view as its tab opens.

import { h } from "./dom.js";
import { begin, change, current } from "./state.js";
import { get } from "./wire.js";

const VIEWS = ["generate", "plane", "compare", "restyle", "animate", "evidence"];

const ready = (async () => {
  const language = navigator.language.startsWith("ko") ? "ko" : "en";
  const [model, texts] = await Promise.all([get("model"), (await fetch(new URL(`./${language}.json`, import.meta.url))).json()]);
  document.documentElement.lang = language;
  begin({
    view: VIEWS[0],
    label: model.labels[0] ?? null,
    other: model.labels[1] ?? model.labels[0] ?? null,
    attributes: model.typical,
    z: Array(model.latent).fill(0),
    seed: 0,
    plane: "",
    overlay: "",
    grid: "figure",
    line: [],
    first: "",
    second: "",
    shows: null,
    second_shows: null,
    path: [],
    steps: 20,
    rate: 15,
  });
  followTabs();
  /** A text in the page's language, with values in place of {0}, {1}; a name that has none stays as it is. */
  const t = (name, ...values) => values.reduce((text, value, index) => text.replaceAll(`{${index}}`, value), texts[name] ?? name);
  return { model, t };
})();

/** Fill the tab of a view. */
export async function mount(name, element) {
  const root = element.querySelector(".condvae");
  try {
    const [{ model, t }, view] = await Promise.all([ready, import(`./${name}.js`)]);
    root.replaceChildren();
    await view.mount(root, model, t, (state) => {
      root.dataset.ready = "yes";
      root.dispatchEvent(new CustomEvent("condvae-drawn", { bubbles: true, detail: state }));
    });
  } catch (error) {
    root.replaceChildren(h("p", { role: "alert" }, error.message));
    throw error;
  }
}

/** Open the tab that the address names, and let the address follow the tabs. */
function followTabs() {
  const open = () => document.getElementById(`tab-${current().view}-button`)?.click();
  if (current().view !== VIEWS[0]) open();
  addEventListener("click", (event) => {
    const name = event.target.closest?.("[role=tab]")?.id.split("-")[1];
    if (VIEWS.includes(name) && name !== current().view) change({ view: name });
  });
  addEventListener("hashchange", open);
}
