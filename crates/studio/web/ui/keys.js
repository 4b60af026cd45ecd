// @ts-check
// Keys that work anywhere on the page; the map and the piano roll handle theirs first.

import { requireElement } from "../dom.js";
import { download } from "./export.js";
import { toggleFavorite } from "./transport.js";

/** @typedef {import("../app.js").App} App */
/**
 * @typedef {object} Parts
 * @property {import("../map/map.js").MapView} map
 * @property {import("./tabs.js").Tabs} tabs
 * @property {import("../panels/make.js").MakePanel} make
 * @property {() => void} help
 */

/**
 * @param {App} app
 * @param {Parts} parts
 */
export function startKeys(app, { map, tabs, make, help }) {
  const click = (/** @type {string} */ selector) =>
    requireElement(selector, HTMLButtonElement).click();
  const step = (/** @type {number} */ by) => {
    const take = app.history.adjacent(by);
    if (take) app.play(take);
  };
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": () => app.startOrStop(),
    l: () => click("#loop"),
    g: () => make.generate(),
    f: () => toggleFavorite(app),
    "[": () => step(-1),
    "]": () => step(1),
    s: () => app.attempt(() => download(app, "midi")),
    S: () => app.attempt(() => download(app, "wav")),
    e: () => click("#ear"),
    w: () => click("#tall"),
    m: () => requireElement("#map-overlay", HTMLElement).focus(),
    r: () => requireElement("#roll", HTMLElement).focus(),
    v: () => (map.tool = "move"),
    d: () => (map.tool = map.tool === "draw" ? "move" : "draw"),
    t: () => click("#theme"),
    "?": help,
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const isText = target.matches(
      "input:not([type=range], [type=checkbox], [type=radio]), textarea, select",
    );
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z" && event.key !== "y") return;
      if (isText) return;
      event.preventDefault();
      undo(app, event.shiftKey || event.key === "y");
      return;
    }
    if (event.altKey || isText || document.querySelector("dialog[open]")) return;
    // Space activates a focused button.
    if (event.key === " " && target.closest("button, a, label, input")) return;
    const isTab = /^[1-9]$/.test(event.key) && Number(event.key) <= tabs.n;
    const act = isTab ? () => tabs.show(Number(event.key) - 1, true) : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/**
 * @param {App} app
 * @param {boolean} isRedo
 */
export function undo(app, isRedo) {
  const { history, player } = app;
  const label = isRedo ? history.redo() : history.undo();
  app.announce(
    label ? `${isRedo ? "Redone" : "Undone"}: ${label}` : `Nothing to ${isRedo ? "redo" : "undo"}`,
  );
  if (label && player.isPlaying) {
    if (history.current) player.swap(history.current);
    else player.stop();
  }
}
