// Animate: a path through the latent space or between labels, as an animated GIF or an MP4 video.

import { actions } from "./actions.js";
import { filled } from "./conditions.js";
import { short } from "./controls.js";
import { button, field, fill, h, save } from "./dom.js";
import { paint } from "./paint.js";
import { literal } from "./python.js";
import { change, current, watch } from "./state.js";
import { film, interpolate } from "./wire.js";

export const texts = {
  en: {
    "title": "Animate",
    "animate-how": "Collect images as stops of a journey. Play shows how one turns into the next.",
    "add-stop": "Add current image",
    "every-label": "Use every label at this z",
    "remove": "Remove stop {0}",
    "steps": "Steps between stops",
    "rate": "Images per second",
    "play": "Play",
    "animation": "Animation",
  },
  ko: {
    "title": "애니메이션",
    "animate-how": "그림을 여행의 정거장으로 모아 보세요. 재생하면 하나가 다음 것으로 변해 갑니다.",
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
    h("p", { className: "how" }, t("animate-how")), list,
    h("div", { className: "buttons" },
      button(t("add-stop"), () => change({ path: [...current().path, stop(current().label)] })),
      model.classes.length > 1 ? button(t("every-label"), () => change({ path: model.classes.map(stop) })) : null,
      button(t("clear"), () => change({ path: [] }))),
    h("div", { className: "row" }, field(t("steps"), steps), field(t("rate"), rate)),
    h("div", { className: "buttons" },
      button(t("play"), () => make("gif", false)), model.films.map((format) => button(t("save-as", format.toUpperCase()), () => make(format, true)))),
    message, picture, actions("animate", model, t, { panels: () => panelsOf(model), code: (state) => codeOf(model, state) }),
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
      const blob = await film(format, { path, steps, rate });
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

/** Some of the images, evenly spaced along the path. */
async function panelsOf(model) {
  const { path, steps } = current();
  if (path.length < 2) return [];
  const answer = await interpolate({ path, steps });
  const last = answer.shape[0] - 1;
  const count = Math.min(model.limits.figure_frames, last + 1);
  const tiles = Array.from({ length: count }, (_, place) => {
    const canvas = h("canvas");
    paint(canvas, answer, Math.round((last * place) / (count - 1)));
    return { canvas };
  });
  return [{ columns: count, tiles }];
}

function codeOf(model, { path, steps, rate }) {
  const { shape: [channels, height, width], enlarged, limits: { figure_frames: frames } } = model;
  const every = path.map((stop) => filled(model, stop.attributes));
  const names = Object.keys(every[0] ?? {});
  const attributes = Object.fromEntries(names.map((name) => [name, every.map((one) => one[name])]));
  const given = names.length ? `, attributes=${literal(attributes)}` : "";
  const label = model.classes.length ? literal(path.map((stop) => stop.label)) : "None";
  return {
    imports: ["import numpy as np", "from PIL import Image"],
    lines: [
      `label = ${label}`,
      `z = ${literal(path.map((stop) => stop.z))}`,
      `images = condvae.interpolate(model, label, z${given}, steps=${steps})`,
      `frames = [Image.fromarray(${channels === 1 ? "image[0]" : "image.transpose(1, 2, 0)"}).resize((${width * enlarged}, ${height * enlarged}), Image.Resampling.NEAREST) for image in images]`,
      `duration = max(20, round(100 / ${rate}) * 10)  # milliseconds`,
      "frames[0].save('animation.gif', save_all=True, append_images=frames[1:], duration=duration, loop=0, optimize=False)",
      `shown = np.unique(np.linspace(0, len(images) - 1, ${frames}).round().astype(int))`,
    ],
    figure: "condvae.tiles(images[shown][None], [])",
    file: "images.png",
  };
}

function named({ label, z }) {
  return `${label ?? ""} (${short(z)}) `;
}
