// What every view offers: its figure as a file, the code that makes it, and its link.

import { button, h, save } from "./dom.js";
import { current, link, watch } from "./state.js";
import { ask, get } from "./wire.js";

export function actions(view, t) {
  const told = h("span", { role: "status" });
  const code = h("pre", { className: "code", hidden: true, tabIndex: 0 });
  const say = (text) => { told.textContent = text; };
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
  watch(() => { code.hidden = true; }); // it was of another picture
  const copy = trying(async () => {
    if (!navigator.clipboard) return link(); // which browsers give to no page of another machine without TLS
    await navigator.clipboard.writeText(link());
    return t("copied");
  });
  return h("div", { className: "actions" },
    h("div", { className: "buttons" },
      button(t("save-as", "PNG"), file("png")), button(t("save-as", "SVG"), file("svg")), button(t("code"), show), button(t("link"), copy), told),
    code);
}
