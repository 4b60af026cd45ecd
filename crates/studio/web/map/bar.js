// @ts-check
// The controls on the map: projections, tools, and actions for a drawn path.

import { el, fill, iconButton, requireElement } from "../dom.js";
import { download } from "../ui/export.js";
import { playPath } from "./path.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("./map.js").MapView} MapView */
/** @typedef {import("../types.js").MapData["projection"]} Projection */

/** @type {[Projection, string, string][]} */
const PROJECTIONS = [
  ["lda", "Styles", "Separates the styles as well as possible (linear discriminants, LDA)"],
  ["pca", "Differences", "Shows the largest differences between pieces (PCA)"],
  ["neighbours", "Neighbors", "Places similar music together (t-SNE); for viewing, without a puck"],
];
const LENGTHS = [4, 8, 16, 32];

/**
 * @param {App} app
 * @param {MapView} map
 */
export function startMapBar(app, map) {
  startProjections(app);
  startBetween(app);
  startTools(map);
  startPath(app, map);
}

/** @param {App} app */
function startProjections(app) {
  const { session } = app;
  const between = requireElement("#between-button", HTMLButtonElement);
  const progress = requireElement("#map-progress", HTMLElement);
  const radios = PROJECTIONS.map(([id, name, hint]) => {
    const input = el("input", { type: "radio", name: "projection", value: id, class: "spoken" });
    input.addEventListener("change", () => choose(id));
    return { id, input, root: el("label", { title: hint }, input, el("span", {}, name)) };
  });
  fill(requireElement("#projection", HTMLElement), ...radios.map(({ root }) => root));
  const mark = () => {
    for (const { id, input } of radios) input.checked = id === session.projection;
    between.hidden = session.projection !== "lda";
    progress.hidden = true;
  };
  const choose = async (/** @type {Projection} */ id) => {
    await app.attempt(() => session.loadMap(id));
    mark();
  };
  session.addEventListener("map", mark);
  session.addEventListener("progress", (event) => {
    const share = /** @type {CustomEvent<number>} */ (event).detail;
    progress.hidden = false;
    progress.textContent = `Computing the map… ${Math.round(100 * share)} %`;
  });
  mark();
}

/**
 * The list of styles that LDA separates: all, or at least two of them.
 * @param {App} app
 */
function startBetween(app) {
  const { session } = app;
  const box = requireElement("#between", HTMLElement);
  const inputs = () => [...box.querySelectorAll("input")];
  const hint = el("p", { class: "note", role: "status" });
  const chosen = () => {
    const names = inputs().filter(({ checked }) => checked).map(({ value }) => value);
    hint.textContent = names.length < 2 ? "Choose at least two styles." : "";
    if (names.length < 2) return;
    session.between = names;
    app.attempt(() => session.loadMap("lda"));
  };
  const checkAll = (/** @type {boolean} */ checked) => {
    for (const input of inputs()) input.checked = checked;
    chosen();
  };
  const draw = () => {
    const all = !session.between.length;
    hint.textContent = "";
    fill(
      box,
      el("p", {}, "Separate these styles"),
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", onclick: () => checkAll(true) }, "All"),
        el("button", { type: "button", onclick: () => checkAll(false) }, "None"),
      ),
      hint,
      ...session.visible.map(({ name, color }) => {
        const input = el("input", {
          type: "checkbox",
          value: name,
          checked: all || session.between.includes(name),
        });
        input.style.accentColor = color;
        input.addEventListener("change", chosen);
        return el("label", { class: "row" }, input, el("span", {}, name));
      }),
    );
  };
  session.addEventListener("styles", draw);
  draw();
}

/** @param {MapView} map */
function startTools(map) {
  const [move, draw] = [
    requireElement("#tool-move", HTMLButtonElement),
    requireElement("#tool-draw", HTMLButtonElement),
  ];
  move.addEventListener("click", () => (map.tool = "move"));
  draw.addEventListener("click", () => (map.tool = map.tool === "draw" ? "move" : "draw"));
  map.addEventListener("tool", () => {
    move.setAttribute("aria-pressed", String(map.tool === "move"));
    draw.setAttribute("aria-pressed", String(map.tool === "draw"));
  });
  const zoom = (/** @type {number} */ factor) => {
    map.view.zoom(factor);
    map.movedBy();
  };
  requireElement("#zoom-in", HTMLButtonElement).addEventListener("click", () => zoom(1.4));
  requireElement("#zoom-out", HTMLButtonElement).addEventListener("click", () => zoom(1 / 1.4));
  requireElement("#zoom-fit", HTMLButtonElement).addEventListener("click", () => {
    map.view.fit();
    map.redraw();
  });
}

/**
 * @param {App} app
 * @param {MapView} map
 */
function startPath(app, map) {
  const bar = requireElement("#path-bar", HTMLElement);
  const lengths = LENGTHS.filter((n) => n <= app.model.limits.n_windows);
  const length = el(
    "select",
    { id: "path-length", "aria-label": "Length of the path" },
    ...lengths.map((n) => el("option", { value: n }, `${n * app.model.window_bars} bars`)),
  );
  length.value = String(lengths[Math.min(1, lengths.length - 1)]);
  const play = () => app.busy(go, () => playPath(app, map, Number(length.value)));
  const go = el("button", { type: "button", id: "play-path", onclick: play }, "Play path");
  const midi = el(
    "button",
    {
      type: "button",
      id: "save-path",
      class: "small",
      hidden: true,
      onclick: () => app.attempt(() => download(app, "midi")),
    },
    "MIDI",
  );
  const clear = iconButton("close", "Clear the path", () => map.setPath([]));
  fill(bar, length, go, midi, clear);
  length.addEventListener("change", play);
  /** @type {string | null} */
  let made = null;
  map.addEventListener("path", () => {
    bar.hidden = map.path.length < 2;
    if (bar.hidden) made = null;
    midi.hidden = made === null;
  });
  map.addEventListener("drawn", async () => {
    map.tool = "move";
    await play();
  });
  app.history.addEventListener("current", () => {
    const { current } = app.history;
    made = current?.how.startsWith("Path") ? current.id : null;
    midi.hidden = made === null;
  });
}
