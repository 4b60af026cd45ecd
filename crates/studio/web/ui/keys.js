// @ts-check
// Keys that work anywhere on the page; the map and the roll take theirs before.

import { the } from "../dom.js";
import { download } from "./export.js";
import { favour } from "./transport.js";

/** @typedef {import("../app.js").App} App */

/**
 * @param {App} app
 * @param {{ map: import("../map/map.js").MapView, tabs: import("./tabs.js").Tabs, make: import("../panels/make.js").MakePanel, help: () => void }} parts
 */
export function startKeys(app, { map, tabs, make, help }) {
  const click = (/** @type {string} */ selector) => the(selector, HTMLButtonElement).click();
  const step = (/** @type {number} */ by) => {
    const take = app.history.neighbour(by);
    if (take) app.play(take);
  };
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": () => app.startOrStop(),
    l: () => click("#loop"),
    g: () => make.generate(),
    f: () => favour(app),
    "[": () => step(-1),
    "]": () => step(1),
    s: () => app.attempt(() => download(app, "midi")),
    S: () => app.attempt(() => download(app, "wav")),
    e: () => click("#ear"),
    w: () => click("#tall"),
    m: () => the("#map-overlay", HTMLElement).focus(),
    r: () => the("#roll", HTMLElement).focus(),
    v: () => (map.tool = "move"),
    d: () => (map.tool = map.tool === "draw" ? "move" : "draw"),
    t: () => click("#theme"),
    "?": help,
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const isText = target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select");
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z" && event.key !== "y") return;
      if (isText) return;
      event.preventDefault();
      undo(app, event.shiftKey || event.key === "y");
      return;
    }
    if (event.altKey || isText || document.querySelector("dialog[open]")) return;
    // A button under the focus is pressed by Space itself.
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
 * @param {boolean} again
 */
export function undo(app, again) {
  const { history, player } = app;
  const label = again ? history.redo() : history.undo();
  app.say(label ? `${again ? "Done again" : "Undone"}: ${label}` : `Nothing to ${again ? "do again" : "undo"}`);
  if (label && player.isPlaying) {
    if (history.current) player.swap(history.current);
    else player.stop();
  }
}
