// @ts-check
// What was made outlives a reload: the browser keeps the latest pieces, and all favourites, for the model they are of.

import { remember, remembered } from "../ui/theme.js";
import { openProject, projectText } from "./project.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("../types.js").Model} Model */

const KEY = "controlgen.history";
/** Pieces that are kept; browsers keep some megabytes, and a piece takes some ten thousand bytes. */
const KEPT = 60;
/** Milliseconds after the last change. */
const REST = 800;

/**
 * Takes up what was kept, and keeps what will be made.
 * @param {History} history
 * @param {Model} model
 */
export function startKeeping(history, model) {
  const kept = remembered(KEY);
  if (kept) {
    try {
      const { takes, isForeign } = openProject(kept, model);
      if (!isForeign) history.add(takes, { choose: false });
    } catch {
      // An older studio's, or cut off: there is nothing to take up.
    }
  }
  let timer = 0;
  const keep = () => {
    clearTimeout(timer);
    timer = 0;
    const takes = history.takes.filter((take, i) => i < KEPT || take.favourite);
    remember(KEY, projectText(takes, history.current, model));
  };
  history.addEventListener("change", () => {
    clearTimeout(timer);
    timer = Number(setTimeout(keep, REST));
  });
  addEventListener("pagehide", () => {
    if (timer) keep();
  });
}
