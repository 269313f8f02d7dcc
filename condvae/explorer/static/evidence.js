// Evidence: the evaluation of the run, its claims and settings, and the training images nearest to the current image.

import { actions } from "./actions.js";
import { labelOf } from "./conditions.js";
import { conditions, labelChoice } from "./controls.js";
import { fill, h } from "./dom.js";
import { newest } from "./newest.js";
import { blank, paint, row } from "./paint.js";
import { generate, literal } from "./python.js";
import { current, watchOpen } from "./state.js";
import { decode, evidence, nearest as neighbours, plane } from "./wire.js";

const REST = 200; // milliseconds without a change after which the nearest images are requested

export const texts = {
  en: {
    "title": "Evaluation",
    "evidence-how": "How good the model is, measured, and whether it copies the images that it learned from.",
    "nearest": "Nearest training images",
    "nearest-how": "If the model had copied a training image, its distance would be near 0.",
    "generated": "Generated image",
    "neighbour": "Training image, label {0}, distance {1}",
    "distance": "Distances (root mean square difference of pixels in [0, 1]): {0}",
    "claims": "Claims of the experiment",
    "evaluation": "Evaluation",
    "not-evaluated": "This run has not been evaluated yet. Run: condvae evaluate",
    "no-evaluation": "An exported file holds no evaluation. Open its run folder to see it.",
    "settings": "Settings",
    "figure": "Figure",
    "measured": "Value ± standard error",
    "count": "n",
    "protocol": "Protocol",
  },
  ko: {
    "title": "평가",
    "evidence-how": "모델이 얼마나 좋은지 잰 값과, 배운 이미지를 그대로 베끼는지 보여 줍니다.",
    "nearest": "가장 가까운 학습 이미지",
    "nearest-how": "모델이 학습 이미지를 그대로 복사했다면 거리가 0에 가깝습니다.",
    "generated": "생성된 이미지",
    "neighbour": "학습 이미지, 레이블 {0}, 거리 {1}",
    "distance": "거리([0, 1] 픽셀 차이의 제곱평균제곱근): {0}",
    "claims": "실험의 주장",
    "evaluation": "평가",
    "not-evaluated": "아직 평가하지 않은 모델입니다. condvae evaluate를 실행하세요.",
    "no-evaluation": "내보낸 파일에는 평가가 없습니다. 실행 폴더를 열면 볼 수 있습니다.",
    "settings": "설정",
    "figure": "지표",
    "measured": "값 ± 표준 오차",
    "count": "n",
    "protocol": "측정 방법",
  },
};

export async function mount(root, model, t, loaded) {
  const { figures, claims, settings } = await evidence();
  const known = model.has_neighbours && (await plane()).of_data;
  fill(root,
    h("p", { className: "how" }, t("evidence-how")), known ? nearestImages(model, t, loaded) : null,
    claims.length ? h("h2", {}, t("claims")) : null,
    h("ol", {}, claims.map((one) => h("li", {}, `${one.statement} `, h("strong", {}, one.verdict)))),
    h("h2", {}, t("evaluation")), figures.length ? table(figures, t) : h("p", {}, t(model.has_code ? "not-evaluated" : "no-evaluation")),
    h("h2", {}, t("settings")), h("pre", { className: "code", tabIndex: 0 }, JSON.stringify(settings, null, 2)),
  );
  if (!known) loaded(current());
}

/** A generated image beside the training images that are nearest to it. */
function nearestImages(model, t, loaded) {
  const image = blank(model, { role: "img", "aria-label": t("generated") });
  const nearest = h("div", { className: "strip" });
  const message = h("p", { role: "status" });
  const look = newest(async (state) => {
    paint(image, await decode({ ...conditions(model, state), z: state.z }));
    const answer = await neighbours({ ...conditions(model, state), z: state.z });
    const distances = answer.distances.map((value) => value.toFixed(3));
    row(nearest, answer, answer.labels.map((name, index) => t("neighbour", name, distances[index])));
    message.textContent = t("distance", distances.join(", "));
    loaded(state);
  }, (text) => {
    message.textContent = text;
    loaded(current());
  });
  let waiting = 0;
  watchOpen("evidence", (state) => { clearTimeout(waiting); waiting = setTimeout(() => look(state), REST); });
  look(current());
  return h("section", {},
    h("h2", {}, t("nearest")), h("p", {}, t("nearest-how")), labelChoice(model, t), h("div", { className: "beside" }, image, nearest), message,
    actions("evidence", model, t, {
      panels: () => [{ columns: 3, tiles: [{ canvas: image, title: t("generated") }, ...[...nearest.children].map((canvas) => ({ canvas, title: canvas.title }))] }],
      code: (state) => codeOf(model, state),
    }));
}

function codeOf(model, state) {
  const image = generate(model, state, literal(labelOf(model, state.label)), literal(state.z));
  return {
    imports: ["import numpy as np", "import torch"],
    lines: [
      `train = condvae.Study(${literal(model.run)}).data.train`,
      `image = ${image}`,
      `distances, positions = condvae.nearest(torch.from_numpy(image) / 255, train, ${model.limits.neighbours})`,
      "near = train.take(positions[0].numpy())",
      "names = [train.classes[label] for label in near.labels]",
      "titles = [f'{name}\\n{distance:.3f}' for name, distance in zip(names, distances[0])]",
    ],
    figure: "condvae.tiles(np.concatenate([image, near.images])[None], ['generated', *titles])",
    file: "images.png",
  };
}

function table(figures, t) {
  const heads = ["figure", "measured", "count", "protocol"].map((name) => h("th", { scope: "col" }, t(name)));
  const error = (one) => (one.has_error ? ` ± ${rounded(one.error, 2)}` : "");
  const rows = figures.map((one) => h("tr", {},
    h("th", { scope: "row" }, `${one.part}: ${one.title}`), h("td", {}, `${rounded(one.value, 4)}${error(one)}`),
    h("td", {}, one.count.toLocaleString()), h("td", {}, one.protocol)));
  return h("div", { className: "scrolls", tabIndex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)));
}

function rounded(value, digits) {
  return Number(value.toPrecision(digits)).toString();
}
