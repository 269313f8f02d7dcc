// Animate: a path through the latent space, or between labels, as an animated GIF or MP4.

import { actions } from "./actions.js";
import { short } from "./controls.js";
import { button, field, fill, h, save } from "./dom.js";
import { change, current, watch } from "./state.js";
import { ask } from "./wire.js";

export async function mount(root, model, t, loaded) {
  const list = h("ol", { className: "path" });
  const steps = h("input", { type: "number", min: 1, max: 120, onChange: () => change({ steps: steps.valueAsNumber || 20 }) });
  const rate = h("input", { type: "number", min: 1, max: 50, onChange: () => change({ rate: rate.valueAsNumber || 15 }) });
  const picture = h("img", { className: "large", alt: t("animation"), hidden: true });
  const told = h("p", { role: "status" });
  const make = async (format, keep) => {
    told.textContent = t("working");
    try {
      const { path, steps: between, rate: speed } = current();
      const blob = await (await ask(`animate?format=${format}`, { path, steps: between, rate: speed })).blob();
      if (keep) save(blob, `condvae.${format}`);
      if (format === "gif") {
        URL.revokeObjectURL(picture.src);
        Object.assign(picture, { src: URL.createObjectURL(blob), hidden: false });
      }
      told.textContent = "";
    } catch (error) {
      told.textContent = error.message;
    }
  };
  const stop = (label) => ({ ...(model.labels.length ? { label } : {}), z: current().z, attributes: current().attributes });
  fill(root,
    h("p", {}, t("animate-how")), list,
    h("div", { className: "buttons" },
      button(t("add-stop"), () => change({ path: [...current().path, stop(current().label)] })),
      model.labels.length > 1 ? button(t("every-label"), () => change({ path: model.labels.map(stop) })) : null,
      button(t("clear"), () => change({ path: [] }))),
    h("div", { className: "row" }, field(t("steps"), steps), field(t("rate"), rate)),
    h("div", { className: "buttons" },
      button(t("play"), () => make("gif", false)), button(t("save-as", "GIF"), () => make("gif", true)), button(t("save-as", "MP4"), () => make("mp4", true))),
    told, picture, actions("animate", t),
  );
  let before = null;
  watch((state) => {
    Object.assign(steps, { value: state.steps });
    Object.assign(rate, { value: state.rate });
    if (state.path === before) return;
    before = state.path;
    list.replaceChildren(...state.path.map((one, index) => h("li", {}, named(one),
      button("×", () => change({ path: current().path.filter((_, place) => place !== index) }), { "aria-label": t("remove", index + 1) }))));
  });
  loaded(current());
}

function named({ label, z }) {
  return `${label ?? ""} (${short(z)}) `;
}
