// What every view offers: its figure as a file, the code that makes the figure, and a link to the view.

import { button, h, save } from "./dom.js";
import { current, link, watch } from "./state.js";
import { ask, get } from "./wire.js";

export function actions(view, t) {
  const message = h("span", { role: "status" });
  const code = h("pre", { className: "code", hidden: true, tabIndex: 0 });
  const say = (text) => { message.textContent = text; };
  const trying = (work) => async () => {
    say(t("working"));
    try {
      say((await work()) ?? "");
    } catch (error) {
      say(error.message);
    }
  };
  const state = () => {
    const { view: _, ...rest } = current();
    return rest;
  };
  const file = (format) => trying(async () => {
    const response = await ask(`figure?view=${view}&format=${format}`, state());
    save(await response.blob(), `${view}.${format}`);
  });
  const show = trying(async () => {
    if (code.hidden) code.textContent = (await get(`code?view=${view}`, state())).code;
    code.hidden = !code.hidden;
  });
  watch(() => { code.hidden = true; }); // because it is the code of an earlier figure
  const copy = trying(async () => {
    if (!navigator.clipboard) return link(); // browsers have no clipboard for pages of other machines without TLS
    await navigator.clipboard.writeText(link());
    return t("copied");
  });
  return h("div", { className: "actions" },
    h("div", { className: "buttons" },
      button(t("save-as", "PNG"), file("png")), button(t("save-as", "SVG"), file("svg")), button(t("code"), show), button(t("link"), copy), message),
    code);
}
