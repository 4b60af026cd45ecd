// @ts-check
// What a point of the map is, beside it: its piano roll, where it comes from, where it belongs.

import { el } from "../dom.js";
import { drawMini } from "../roll/mini.js";

/** @typedef {import("../types.js").Window} Window */

/** A card that follows the pointer. */
export class Tooltip {
  #parent;
  #canvas = el("canvas", { class: "mini" });
  #title = el("strong");
  #text = el("span");
  #root = el("div", { class: "tooltip", role: "presentation", hidden: true }, this.#canvas, this.#title, this.#text);

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#parent = parent;
    parent.append(this.#root);
  }



  /**
   * @param {{ x: number, y: number }} at pixels within the parent
   * @param {{ title: string, text: string, notes: { pitch: number, start: number, end: number, voice: number }[], nSteps: number }} what
   */
  show(at, { title, text, notes, nSteps }) {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#root.hidden = false;
    const { clientWidth, clientHeight } = this.#parent;
    const { offsetWidth, offsetHeight } = this.#root;
    const right = at.x + 18 + offsetWidth < clientWidth;
    const below = at.y + 18 + offsetHeight < clientHeight;
    this.#root.style.left = `${Math.max(4, right ? at.x + 18 : at.x - 18 - offsetWidth)}px`;
    this.#root.style.top = `${Math.max(4, below ? at.y + 18 : at.y - 18 - offsetHeight)}px`;
    drawMini(this.#canvas, notes, nSteps);
  }

  hide() {
    this.#root.hidden = true;
  }
}
