// What every view offers: its figure as a file, the code that makes the figure, and a link to the view.

import { button, h, save } from "./dom.js";
import { FORMATS } from "./figure.js";
import { script } from "./python.js";
import { current, link, watch } from "./state.js";

/**
 * The actions of a view.
 *
 * `panels` returns what the view shows (see figure.js), and `code` a state to the parts of a script (see python.js).
 */
export function actions(view, model, t, { panels, code }) {
  const message = h("span", { role: "status" });
  const shown = h("pre", { className: "code", hidden: true, tabIndex: 0 });
  const trying = (work) => async () => {
    message.textContent = t("working");
    try {
      message.textContent = (await work()) ?? "";
    } catch (error) {
      message.textContent = error.message;
    }
  };
  const file = ([format, make]) => button(t("save-as", format), trying(async () => {
    const found = await panels();
    if (!found.some(({ tiles }) => tiles.length)) return t("nothing-shown");
    return save(await make(found), `${view}.${format.toLowerCase()}`);
  }));
  const show = trying(async () => {
    if (shown.hidden) shown.textContent = script(model, code(current()));
    shown.hidden = !shown.hidden;
  });
  watch(() => { shown.hidden = true; }); // because it is the code of an earlier figure
  const copy = trying(async () => {
    if (!navigator.clipboard) return link(); // browsers have no clipboard for pages of other machines without TLS
    await navigator.clipboard.writeText(link());
    return t("copied");
  });
  return h("div", { className: "actions" },
    h("div", { className: "buttons" }, Object.entries(FORMATS).map(file), model.has_code ? button(t("code"), show) : null, button(t("link"), copy), message), shown);
}
