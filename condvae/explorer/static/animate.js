// Animate: a path through the latent space or between labels, as an animated GIF or an MP4 video.

import { actions } from "./actions.js";
import { short } from "./controls.js";
import { button, field, fill, h, save } from "./dom.js";
import { change, current, watch } from "./state.js";
import { ask } from "./wire.js";

export const texts = {
  en: {
    "animate-how": "Add the current image of the other views as a stop of a path, or use every label at the current z. Play shows the images along the path.",
    "add-stop": "Add current image",
    "every-label": "Use every label at this z",
    "remove": "Remove stop {0}",
    "steps": "Steps between stops",
    "rate": "Images per second",
    "play": "Play",
    "animation": "Animation",
  },
  ko: {
    "animate-how": "다른 화면의 현재 이미지를 경로의 정지점으로 추가하거나, 현재 z에서 모든 레이블을 사용하세요. 재생하면 경로를 따라 이미지가 바뀝니다.",
    "add-stop": "현재 이미지 추가",
    "every-label": "이 z에서 모든 레이블 사용",
    "remove": "정지점 {0} 삭제",
    "steps": "정지점 사이 단계 수",
    "rate": "초당 이미지 수",
    "play": "재생",
    "animation": "애니메이션",
  },
};

export async function mount(root, model, t, loaded) {
  const list = h("ol", { className: "path" });
  const number = (name, max) => {
    const input = h("input", { type: "number", min: 1, max, onChange: () => change({ [name]: input.valueAsNumber || model.state[name] }) });
    return input;
  };
  const [steps, rate] = [number("steps", model.limits.max_steps), number("rate", model.limits.max_rate)];
  const picture = h("img", { className: "large", alt: t("animation"), hidden: true });
  const message = h("p", { role: "status" });
  const make = maker(picture, message, t);
  const stop = (label) => ({ ...(model.classes.length ? { label } : {}), z: current().z, attributes: current().attributes });
  fill(root,
    h("p", {}, t("animate-how")), list,
    h("div", { className: "buttons" },
      button(t("add-stop"), () => change({ path: [...current().path, stop(current().label)] })),
      model.classes.length > 1 ? button(t("every-label"), () => change({ path: model.classes.map(stop) })) : null,
      button(t("clear"), () => change({ path: [] }))),
    h("div", { className: "row" }, field(t("steps"), steps), field(t("rate"), rate)),
    h("div", { className: "buttons" },
      button(t("play"), () => make("gif", false)), button(t("save-as", "GIF"), () => make("gif", true)), button(t("save-as", "MP4"), () => make("mp4", true))),
    message, picture, actions("animate", t),
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

/** A function that makes the animation, shows it, and saves it if it is to be kept. */
function maker(picture, message, t) {
  return async (format, keep) => {
    message.textContent = t("working");
    try {
      const { path, steps, rate } = current();
      const blob = await (await ask(`animate?format=${format}`, { path, steps, rate })).blob();
      if (keep) save(blob, `condvae.${format}`);
      if (format === "gif") {
        URL.revokeObjectURL(picture.src);
        Object.assign(picture, { src: URL.createObjectURL(blob), hidden: false });
      }
      message.textContent = "";
    } catch (error) {
      message.textContent = error.message;
    }
  };
}

function named({ label, z }) {
  return `${label ?? ""} (${short(z)}) `;
}
