// The frame of the page: what the model is, a tab for each view, and the choices that concern the whole page.

import { button, fill, h, keep, kept } from "./dom.js";
import { begin, change, current, undo, watch } from "./state.js";
import { views } from "./views.js";
import { describe } from "./wire.js";

const LANGUAGES = { en: "English", ko: "한국어" };
const NAMES = Object.keys(views);
// paths of the signs on buttons, in a square of 24 x 24
const SIGNS = {
  "undo": "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  "pixels": "M4 4h16v16H4zM4 12h16M12 4v16",
  "theme": "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  "full-screen": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
};
const SWIPE = 60; // pixels that a finger moves sideways to get to the next view
const root = document.documentElement;
const [header, list, panels] = ["header", "views", "panels"].map((id) => document.getElementById(id));

start().catch((error) => header.replaceChildren(h("p", { role: "alert" }, error.message)));

async function start() {
  const language = chosenLanguage();
  const file = new URL(`./${language}.json`, import.meta.url);
  const [model, shared] = await Promise.all([describe(), fetch(file).then((response) => response.json())]);
  const t = translator(shared);
  root.lang = language;
  root.classList.toggle("embedded", new URLSearchParams(location.search).has("embed"));
  root.dataset.pixels = kept("pixels") ?? "crisp";
  paintTheme(kept("theme"));
  begin({ view: NAMES[0], ...model.state });
  heading(model, language, t);
  tabs(model, language, shared);
}

/** What the model is, and the buttons for the whole page. */
function heading(model, language, t) {
  document.title = model.title;
  const [channels, height, width] = model.shape;
  const pixels = `${height} × ${width}${channels === 1 ? "" : ` × ${channels}`}`;
  const obeyed = model.obeyed === null ? [] : [t("obeyed", (100 * model.obeyed).toFixed(1))];
  const facts = [model.data, t("size", pixels), t("latent", model.latent), ...obeyed];
  const others = Object.keys(LANGUAGES).filter((one) => one !== language);
  const speak = (one) => button(LANGUAGES[one], () => { keep("language", one); location.reload(); }, { lang: one });
  const sign = (name, work) => {
    const one = button("", work, { "aria-label": t(name), title: t(name) });
    one.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${SIGNS[name]}"/></svg>`;
    return one;
  };
  header.replaceChildren(
    h("div", {}, h("h1", { id: "title" }, model.title), h("p", { id: "about" }, facts.filter(Boolean).join(" · "))),
    h("div", { className: "buttons tools" }, sign("undo", undo), sign("pixels", swapPixels), sign("theme", swapTheme), others.map(speak),
      document.fullscreenEnabled ? sign("full-screen", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen())) : null));
  addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea")) return;
    event.preventDefault();
    undo();
  });
}

/** A tab and a panel for each view. A view is mounted when it opens first. */
function tabs(model, language, shared) {
  const parts = NAMES.map((name) => {
    const tab = button(views[name].texts[language].title, () => change({ view: name }), { id: `tab-${name}`, role: "tab", "aria-controls": `panel-${name}` });
    const view = h("div", { className: "condvae", "data-view": name });
    const panel = h("div", { id: `panel-${name}`, role: "tabpanel", "aria-labelledby": tab.id, hidden: true }, view);
    return { name, tab, panel, view };
  });
  fill(list, h("div", { role: "tablist" }, parts.map(({ tab }) => tab)));
  panels.replaceChildren(...parts.map(({ panel }) => panel));
  const mounted = new Set();
  let open = null;
  watch((state) => {
    const name = state.view;
    if (!NAMES.includes(name)) return void change({ view: NAMES[0] }); // from a damaged link
    if (name === open) return;
    open = name;
    parts.forEach(({ name: own, tab, panel }) => {
      tab.setAttribute("aria-selected", own === name);
      tab.tabIndex = own === name ? 0 : -1;
      panel.hidden = own !== name;
    });
    if (!mounted.has(name)) mount(name, parts.find((one) => one.name === name).view, model, translator({ ...shared, ...views[name].texts[language] }));
    mounted.add(name);
  });
  const step = (by) => change({ view: NAMES[(NAMES.indexOf(current().view) + by + NAMES.length) % NAMES.length] });
  list.addEventListener("keydown", ({ key }) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!by) return;
    step(by);
    parts.find(({ name }) => name === current().view).tab.focus();
  });
  followSwipes(step);
}

async function mount(name, box, model, t) {
  try {
    await views[name].mount(box, model, t, (state) => {
      box.dataset.ready = "yes";
      box.dispatchEvent(new CustomEvent("condvae-drawn", { bubbles: true, detail: state }));
    });
  } catch (error) {
    box.replaceChildren(h("p", { role: "alert" }, error.message));
    throw error;
  }
}

/** Let a finger that moves sideways over the page change the view, but not on anything that follows the finger itself. */
function followSwipes(step) {
  let from = null;
  panels.addEventListener("touchstart", ({ target, touches }) => {
    const taken = target.closest("canvas, input, select, .scrolls, .code");
    from = taken || touches.length > 1 ? null : [touches[0].clientX, touches[0].clientY];
  }, { passive: true });
  panels.addEventListener("touchend", ({ changedTouches: [touch] }) => {
    if (!from) return;
    const [x, y] = [touch.clientX - from[0], touch.clientY - from[1]];
    from = null;
    if (Math.abs(x) > SWIPE && Math.abs(y) < Math.abs(x) / 2) step(x < 0 ? 1 : -1);
  });
}

/** A function from the name of a text to the text, with values for {0}, {1}. A name without a text stays as it is. */
function translator(texts) {
  return (name, ...values) => values.reduce((text, value, index) => text.replaceAll(`{${index}}`, value), texts[name] ?? name);
}

function chosenLanguage() {
  const wanted = kept("language") ?? navigator.language.slice(0, 2);
  return wanted in LANGUAGES ? wanted : Object.keys(LANGUAGES)[0];
}

function swapPixels() {
  root.dataset.pixels = root.dataset.pixels === "crisp" ? "smooth" : "crisp";
  keep("pixels", root.dataset.pixels);
}

function swapTheme() {
  const dark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  keep("theme", dark ? "light" : "dark");
  paintTheme(kept("theme"));
}

/** "light" or "dark", or null for what the browser prefers. */
function paintTheme(theme) {
  if (theme) root.dataset.theme = theme;
}
