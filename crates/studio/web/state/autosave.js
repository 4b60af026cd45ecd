// @ts-check
// Keeps music across reloads: the browser stores the latest pieces, and all favorites, per model.

import { saveSetting, loadSetting } from "../ui/theme.js";
import { openProject, projectText } from "./project.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("../types.js").Model} Model */

const KEY = "controlgen.history";
/** Number of pieces kept; browsers store a few megabytes, and a piece takes about ten kilobytes. */
const MAX_PIECES = 60;
/** Milliseconds after the last change. */
const DELAY = 800;

/**
 * Restores the stored history, and stores changes.
 * @param {History} history
 * @param {Model} model
 */
export function startAutosave(history, model) {
  const kept = loadSetting(KEY);
  if (kept) {
    try {
      const { takes, isOtherModel } = openProject(kept, model);
      if (!isOtherModel) history.add(takes, { choose: false });
    } catch {
      // Written by an older version, or truncated: there is nothing to restore.
    }
  }
  let timer = 0;
  const keep = () => {
    clearTimeout(timer);
    timer = 0;
    const takes = history.takes.filter((take, i) => i < MAX_PIECES || take.favourite);
    saveSetting(KEY, projectText(takes, history.current, model));
  };
  history.addEventListener("change", () => {
    clearTimeout(timer);
    timer = Number(setTimeout(keep, DELAY));
  });
  addEventListener("pagehide", () => {
    if (timer) keep();
  });
}
