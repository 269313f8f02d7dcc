// Compare: two labels over the same latent vectors, and the difference of their images.

import { actions } from "./actions.js";
import { attributeControls, conditions, labelChoice, short } from "./controls.js";
import { button, choice, field, fill, h } from "./dom.js";
import { row } from "./paint.js";
import { change, watchOpen } from "./state.js";
import { get, images, newest } from "./wire.js";

const PAIR = ["4", "9"]; // of the experiment's figure

export async function mount(root, model, t, loaded) {
  const known = PAIR.every((label) => model.labels.includes(label));
  const choose = (grid) => change(grid === "figure" && known ? { grid, label: PAIR[0], other: PAIR[1] } : { grid });
  const preset = choice(["figure", "grid", "draws"].map((name) => [name, t(`grid-${name}`)]), choose);
  const told = h("p", { role: "status" });
  const panels = ["first", "second", "difference"].map(() => ({ box: h("div", { className: "grid" }), title: h("h3") }));
  fill(root,
    h("div", { className: "row" }, labelChoice(model, t, "label"), labelChoice(model, t, "other")),
    attributeControls(model, t),
    h("div", { className: "row" }, field(t("vectors"), preset), known ? button(t("experiment"), () => choose("figure")) : null),
    h("div", { className: "columns" }, panels.map(({ title, box }) => h("section", {}, title, box))),
    told, actions("compare", t),
  );
  const draw = newest(async (state) => {
    const { z, columns } = await get(`grid?name=${state.grid}`);
    const sets = [];
    for (const one of [state.label, state.other]) sets.push(await images("decode", { ...conditions(model, state, one), z }));
    const pixels = Uint8ClampedArray.from(sets[0].pixels, (value, index) => 128 + (sets[1].pixels[index] - value) / 2);
    const titles = [t("label-is", state.label ?? ""), t("label-is", state.other ?? ""), t("difference")];
    [...sets, { pixels, shape: sets[0].shape }].forEach((answer, index) => {
      const { box, title } = panels[index];
      title.textContent = titles[index];
      box.style.setProperty("--columns", columns);
      row(box, answer, z.map((one) => `${titles[index]}, z = ${short(one)}`));
    });
    told.textContent = "";
    loaded(state);
  }, (text) => { told.textContent = text; });
  watchOpen("compare", (state) => { preset.value = state.grid; draw(state); });
}
