// @ts-check
// A row of style names in their colors to choose from. A click chooses one; to blend several, they
// are added by a switch, or with Ctrl, Cmd or Shift.

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
  #row = el("div", { class: "chips" });
  #blend = el(
    "button",
    {
      type: "button", class: "small blend", "aria-pressed": "false",
      title: "Clicks add styles to the blend (or use Ctrl or Shift)",
      onclick: () => this.#setBlends(this.#blend.getAttribute("aria-pressed") !== "true"),
    },
    "Blend several",
  );

  /**
   * @param {App} app
   * @param {string} label
   * @param {boolean} isSeveral
   */
  constructor(app, label, isSeveral) {
    super();
    this.#app = app;
    this.#isSeveral = isSeveral;
    this.root = el(
      "div",
      { class: "choice", role: "group", "aria-label": label },
      this.#row,
      isSeveral ? this.#blend : null,
    );
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
    fill(this.#row, ...visible.map((style) => this.#chip(style)));
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
        onclick: (/** @type {MouseEvent} */ event) =>
          this.#toggle(style.name, event.ctrlKey || event.metaKey || event.shiftKey),
      },
      dot,
      style.name,
    );
  }

  /** @param {boolean} blends */
  #setBlends(blends) {
    this.#blend.setAttribute("aria-pressed", String(blends));
  }

  /**
   * Chooses the styles with these names, if any of them exist.
   * @param {string[]} names
   */
  choose(names) {
    const known = names.filter((name) => this.#app.session.visible.some((s) => s.name === name));
    if (!known.length) return;
    this.chosen = new Set(this.#isSeveral ? known : known.slice(0, 1));
    this.#setBlends(this.chosen.size > 1);
    this.#mark();
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} name
   * @param {boolean} adds
   */
  #toggle(name, adds) {
    const blends = this.#isSeveral
      && (adds || this.#blend.getAttribute("aria-pressed") === "true");
    if (!blends) this.chosen = new Set([name]);
    else if (!this.chosen.delete(name)) this.chosen.add(name);
    else if (!this.chosen.size) this.chosen.add(name);
    this.#mark();
    this.dispatchEvent(new Event("change"));
  }

  #mark() {
    for (const chip of this.#row.children) {
      const name = /** @type {HTMLElement} */ (chip).dataset.style ?? "";
      chip.setAttribute("aria-pressed", String(this.chosen.has(name)));
    }
  }
}
