// @ts-check
// The card of a style: how it sounds, in words, figures and examples; rename, export, remove.

import { el, fill, save, fileName } from "../dom.js";
import { drawMini } from "../roll/mini.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Card} Card */
/** @typedef {import("../types.js").Style} Style */

/** More features than this are shown on request. */
const MAX_FEATURES = 20;
/** Standard deviations at which the bar of a feature is full. */
const FULL_BAR = 2;

/**
 * @param {App} app
 * @param {Style} style
 * @param {(name: string | null) => void} renamed
 */
export function styleCard(app, style, renamed) {
  const path = `/styles/${encodeURIComponent(style.name)}`;
  const body = el("div", { class: "card-body" }, el("p", { class: "what" }, "…"));
  const root = el("div", { class: "card" }, body, tools(app, style, path, renamed));
  app.attempt(async () => {
    /** @type {Card} */
    const card = await app.api.get(path);
    const examples = card.examples.map(
      (example) => ({ ...example, canvas: el("canvas", { class: "mini" }) }),
    );
    fill(body, ...contents(app, style, card, examples));
    for (const { window, canvas } of examples) {
      drawMini(canvas, window.notes, window.n_steps, style.color);
    }
  });
  return root;
}

/**
 * @param {App} app
 * @param {Style} style
 * @param {Card} card
 * @param {(Card["examples"][number] & { canvas: HTMLCanvasElement })[]} examples
 */
function contents(app, style, card, examples) {
  const buttons = examples.map(({ source, window, canvas }) => {
    const name = `${source.file}, bar ${source.bar}`;
    const play = () => app.swap(app.takeOfWindows([window], `Example of ${style.name}`, name));
    return el(
      "button",
      {
        type: "button", class: "example", title: name, "aria-label": `Play the example ${name}`,
        onclick: play,
      },
      canvas,
    );
  });
  const labels = card.labels.slice(0, 4).map(
    ({ label, share }) => `${label} ${Math.round(100 * share)} %`,
  );
  const rows = card.features.flatMap((feature) => featureRow(feature, style.color));
  const used = (card.used ?? []).map((used) => (typeof used === "string" ? used : used.file));
  const nearest = card.nearest.map(({ name, words }) =>
    el(
      "p",
      {},
      "Next to ",
      el("strong", {}, name),
      words.length ? `, it is ${words.join(", ")}.` : ", it is much alike.",
    ),
  );
  return [
    ...card.sentences.map((sentence) => el("p", {}, sentence)),
    ...nearest,
    buttons.length ? el("div", { class: "examples" }, ...buttons) : null,
    card.features.length > MAX_FEATURES
      ? el(
        "details",
        {},
        el("summary", {}, `${card.features.length} measures`),
        el("dl", { class: "features" }, ...rows),
      )
      : rows.length ? el("dl", { class: "features" }, ...rows) : null,
    labels.length ? el("p", { class: "what" }, `Labels: ${labels.join(", ")}`) : null,
    used.length ? el("p", { class: "what" }, `From ${used.join(", ")}`) : null,
  ].filter((node) => node !== null);
}

/**
 * @param {Card["features"][number]} feature
 * @param {string} color
 */
function featureRow({ name, unit, value, deviation }, color) {
  const text = el("span", { class: "value" }, `${Number(value.toPrecision(3))} ${unit}`);
  if (deviation === null) return [el("dt", {}, name), el("dd", {}, text)];
  const bar = el("span", { class: "bar" });
  const share = Math.min(1, Math.abs(deviation) / FULL_BAR);
  bar.style.background = color;
  bar.style.width = `${50 * share}%`;
  bar.style.left = deviation < 0 ? `${50 - 50 * share}%` : "50%";
  return [
    el("dt", {}, name),
    el(
      "dd",
      {},
      el(
        "span",
        {
          class: "track", role: "img",
          "aria-label": `${deviation.toFixed(1)} standard deviations from the mean`,
        },
        bar,
      ),
      text,
    ),
  ];
}

/**
 * @param {App} app
 * @param {Style} style
 * @param {string} path
 * @param {(name: string | null) => void} renamed
 */
function tools(app, style, path, renamed) {
  const name = el("input", {
    type: "text", value: style.name, maxlength: "60", "aria-label": `New name of ${style.name}`,
    autocomplete: "off",
  });
  const rename = el(
    "form",
    { class: "row" },
    name,
    el("button", { type: "submit", class: "small" }, "Rename"),
  );
  rename.addEventListener("submit", (event) => {
    event.preventDefault();
    app.attempt(async () => {
      const newName = name.value.trim();
      if (newName === style.name) return;
      await app.session.changeStyles(async () => {
        /** @type {Style} */
        const { name: current } = await app.api.patch(path, { name: newName });
        renamed(current);
      });
    });
  });
  const exportStyle = async () => {
    const response = await app.api.send(`${path}/export`);
    save(await response.blob(), `${fileName(style.name)}.style.json`);
  };
  const onexport = () => app.attempt(exportStyle);
  const exported = el("button", { type: "button", class: "small", onclick: onexport }, "Export");
  const removeStyle = async () => {
    const copy = await (await app.api.send(`${path}/export`)).json();
    const remove = () =>
      app.session.changeStyles(async () => {
        await app.api.send(path, { method: "DELETE" });
        renamed(null);
      });
    const restore = async () => {
      await app.api.post("/styles/import", copy);
      await app.session.reload();
    };
    await remove();
    app.history.record({
      label: `removing the style “${style.name}”`,
      undo: () => app.attempt(restore),
      redo: () => app.attempt(remove),
    });
    app.announce(`The style “${style.name}” was removed. Undo (Ctrl+Z) brings it back.`);
  };
  const onremove = () => app.attempt(removeStyle);
  const remove = style.added
    ? el("button", { type: "button", class: "small danger", onclick: onremove }, "Remove")
    : null;
  return el("div", { class: "card-tools" }, rename, el("div", { class: "row" }, exported, remove));
}
