// @ts-check
// A row of style names in their colors to choose from.

import { el, fill } from "../dom.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Style} Style */

/** Selects one style, or several. Events: `change`. */
export class Chips extends EventTarget {
  root;
  /**
   * Names of the selected styles.
   * @type {Set<string>}
   */
  chosen = new Set();
  #app;
  #isSeveral;

  /**
   * @param {App} app
   * @param {string} label
   * @param {boolean} isSeveral
   */
  constructor(app, label, isSeveral) {
    super();
    this.#app = app;
    this.#isSeveral = isSeveral;
    this.root = el("div", { class: "chips", role: "group", "aria-label": label });
    app.session.addEventListener("styles", () => this.#draw());
    this.#draw();
  }

  /** The first selected style. */
  get one() {
    return [...this.chosen][0] ?? null;
  }

  #draw() {
    const { visible } = this.#app.session;
    this.chosen = new Set(
      [...this.chosen].filter((name) => visible.some((style) => style.name === name)),
    );
    if (!this.chosen.size && visible[0]) this.chosen.add(visible[0].name);
    fill(this.root, ...visible.map((style) => this.#chip(style)));
    this.#mark();
  }

  /** @param {Style} style */
  #chip(style) {
    const dot = el("span", { class: "dot" });
    dot.style.background = style.color;
    return el(
      "button",
      {
        type: "button",
        class: "chip",
        "data-style": style.name,
        title: style.description,
        onclick: () => this.#toggle(style.name),
      },
      dot,
      style.name,
    );
  }

  /** @param {string} name */
  #toggle(name) {
    if (!this.#isSeveral) this.chosen = new Set([name]);
    else if (!this.chosen.delete(name)) this.chosen.add(name);
    else if (!this.chosen.size) this.chosen.add(name);
    this.#mark();
    this.dispatchEvent(new Event("change"));
  }

  #mark() {
    for (const chip of this.root.children) {
      const name = /** @type {HTMLElement} */ (chip).dataset.style ?? "";
      chip.setAttribute("aria-pressed", String(this.chosen.has(name)));
    }
  }
}
