// Compare: two labels at the same latent vectors, and the difference of their images.

import { actions } from "./actions.js";
import { labelOf } from "./conditions.js";
import { attributeControls, conditions, labelChoice, short } from "./controls.js";
import { button, choice, field, fill, h } from "./dom.js";
import { newest } from "./newest.js";
import { row } from "./paint.js";
import { generate, literal } from "./python.js";
import { change, watchOpen } from "./state.js";
import { decode, grid as vectors } from "./wire.js";

const PAIR = ["4", "9"]; // the labels in the figure of the experiment

export const texts = {
  en: {
    "title": "Compare",
    "compare-how": "Two labels, drawn in the same styles. The difference is grey where they agree.",
    "other": "Second label",
    "vectors": "Latent vectors",
    "figure": "nine of the experiment",
    "grid": "grid on the latent map",
    "draws": "nine draws from the prior",
    "experiment": "Figure of the experiment: 4 and 9",
    "label-is": "Label {0}",
    "difference": "Difference (second minus first)",
  },
  ko: {
    "title": "비교",
    "compare-how": "두 레이블을 같은 스타일로 그립니다. 차이는 두 그림이 같은 곳에서 회색입니다.",
    "other": "두 번째 레이블",
    "vectors": "잠재 벡터",
    "figure": "실험의 아홉 벡터",
    "grid": "잠재 공간 지도의 격자",
    "draws": "사전 분포에서 뽑은 아홉 벡터",
    "experiment": "실험의 그림: 4와 9",
    "label-is": "레이블 {0}",
    "difference": "차이 (두 번째 − 첫 번째)",
  },
};

export async function mount(root, model, t, loaded) {
  const known = PAIR.every((label) => model.classes.includes(label));
  const figure = { grid: model.state.grid, label: PAIR[0], other: PAIR[1] };
  const choose = (grid) => change(known && grid === figure.grid ? figure : { grid });
  const preset = choice(model.grids.map((name) => [name, t(name)]), choose);
  const message = h("p", { role: "status" });
  const panels = ["first", "second", "difference"].map(() => ({ box: h("div", { className: "grid" }), title: h("h2") }));
  fill(root,
    h("p", { className: "how" }, t("compare-how")),
    h("div", { className: "row" }, labelChoice(model, t, "label"), labelChoice(model, t, "other")),
    attributeControls(model, t),
    h("div", { className: "row" }, field(t("vectors"), preset), known ? button(t("experiment"), () => change(figure)) : null),
    h("div", { className: "columns three" }, panels.map(({ title, box }) => h("section", {}, title, box))),
    message,
    actions("compare", model, t, {
      panels: () => panels.map(({ box, title }) => ({ title: title.textContent, columns: Number(box.style.getPropertyValue("--columns")), side: 56, tiles: [...box.children].map((canvas) => ({ canvas })) })),
      code: (state) => codeOf(model, state, panels.map(({ title }) => title.textContent)),
    }),
  );
  const draw = newest(async (state) => {
    const { z, columns } = await vectors(state.grid);
    const sets = [];
    for (const one of [state.label, state.other]) sets.push(await decode({ ...conditions(model, state, one), z }));
    const pixels = Uint8ClampedArray.from(sets[0].pixels, (value, index) => 128 + (sets[1].pixels[index] - value) / 2);
    const titles = [t("label-is", state.label ?? ""), t("label-is", state.other ?? ""), t("difference")];
    [...sets, { pixels, shape: sets[0].shape }].forEach((answer, index) => {
      const { box, title } = panels[index];
      title.textContent = titles[index];
      box.style.setProperty("--columns", columns);
      row(box, answer, z.map((one) => `${titles[index]}, z = ${short(one)}`));
    });
    message.textContent = "";
    loaded(state);
  }, (text) => { message.textContent = text; });
  watchOpen("compare", (state) => { preset.value = state.grid; draw(state); });
}

function codeOf(model, state, titles) {
  const [first, second] = [state.label, state.other].map((label) => literal(labelOf(model, label)));
  return {
    imports: ["import numpy as np"],
    lines: [
      `z, columns = condvae.LatentMap(condvae.Study(${literal(model.run)})).grid(${literal(state.grid)})`,
      `first = ${generate(model, state, first, "z")}`,
      `second = ${generate(model, state, second, "z")}`,
      "difference = (128 + (second.astype(np.int16) - first) / 2).round().clip(0, 255).astype(np.uint8)",
      "images = np.stack([first, second, difference])",
      "numbers = [str(number) for number in range(1, len(z) + 1)]",
    ],
    figure: `condvae.grids(images, numbers, columns, ${literal(titles)})`,
    file: "compare.png",
  };
}
