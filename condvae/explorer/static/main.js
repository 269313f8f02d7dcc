// The page: it loads the description of the model and the shared texts once, then each view when its tab opens.

import { h } from "./dom.js";
import { begin, change, current } from "./state.js";
import { get } from "./wire.js";

const ready = (async () => {
  const language = navigator.language.startsWith("ko") ? "ko" : "en";
  const [model, shared] = await Promise.all([get("model"), (await fetch(new URL(`./${language}.json`, import.meta.url))).json()]);
  document.documentElement.lang = language;
  begin({ view: model.views[0].name, ...model.state });
  followTabs(model.views.map(({ name }) => name));
  return { model, language, shared };
})();

/** Fill the tab of a view. */
export async function mount(name, element) {
  const root = element.querySelector(".condvae");
  try {
    const [{ model, language, shared }, view] = await Promise.all([ready, import(`./${name}.js`)]);
    const t = translator({ ...shared, ...view.texts[language] });
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

/** A function from the name of a text to the text, with values for {0}, {1}. A name without a text stays as it is. */
function translator(texts) {
  return (name, ...values) => values.reduce((text, value, index) => text.replaceAll(`{${index}}`, value), texts[name] ?? name);
}

/** Open the tab that the address names, and keep the address up to date when another tab opens. */
function followTabs(views) {
  const open = () => document.getElementById(`tab-${current().view}-button`)?.click();
  if (current().view !== views[0]) open();
  addEventListener("click", (event) => {
    const name = event.target.closest?.("[role=tab]")?.id.replace(/^tab-(.*)-button$/, "$1");
    if (views.includes(name) && name !== current().view) change({ view: name });
  });
  addEventListener("hashchange", open);
}
