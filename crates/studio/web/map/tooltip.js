// @ts-check
// A tooltip for a point of the map: its piano roll, its source, and its styles.

import { el } from "../dom.js";
import { drawMini } from "../roll/mini.js";

/** @typedef {import("../types.js").Note} Note */
/** @typedef {{ title: string, text: string, notes?: Note[], nSteps?: number }} Preview */

/** A card next to the pointer. */
export class Tooltip {
  #parent;
  #canvas = el("canvas", { class: "mini" });
  #title = el("strong");
  #text = el("span");
  #root = el(
    "div",
    { class: "tooltip", role: "presentation", hidden: true },
    this.#canvas,
    this.#title,
    this.#text,
  );

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#parent = parent;
    parent.append(this.#root);
  }

  /**
   * @param {{ x: number, y: number }} at pixels within the parent
   * @param {Preview} preview
   */
  show(at, { title, text, notes, nSteps = 1 }) {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#canvas.hidden = !notes;
    this.#root.hidden = false;
    const { clientWidth, clientHeight } = this.#parent;
    const { offsetWidth, offsetHeight } = this.#root;
    const right = at.x + 18 + offsetWidth < clientWidth;
    const below = at.y + 18 + offsetHeight < clientHeight;
    this.#root.style.left = `${Math.max(4, right ? at.x + 18 : at.x - 18 - offsetWidth)}px`;
    this.#root.style.top = `${Math.max(4, below ? at.y + 18 : at.y - 18 - offsetHeight)}px`;
    if (notes) drawMini(this.#canvas, notes, nSteps);
  }

  hide() {
    this.#root.hidden = true;
  }
}
