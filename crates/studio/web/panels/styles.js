// @ts-check
// The list of styles: their cards, and adding styles.

import { el, fill, iconButton } from "../dom.js";
import { addStyle } from "./add-style.js";
import { styleCard } from "./card.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../map/map.js").MapView} MapView */
/** @typedef {import("../types.js").Style} Style */

/** The panel. */
export class StylesPanel {
  id = "styles";
  name = "Styles";
  root = el("div");
  #app;
  #map;
  #adding;
  #list = el("ul", { class: "styles" });
  /**
   * Name of the style whose card is open.
   * @type {string | null}
   */
  #open = null;

  /**
   * @param {App} app
   * @param {MapView} map
   */
  constructor(app, map) {
    this.#app = app;
    this.#map = map;
    this.#adding = addStyle(app, (name) => this.open(name));
    const file = el("input", {
      type: "file", accept: ".json", class: "spoken", id: "style-import",
      "aria-label": "Exported style file",
    });
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      file.value = "";
      if (chosen) app.attempt(() => this.import(chosen));
    });
    fill(
      this.root,
      this.#adding.root,
      el("h2", {}, "Styles", el("label", { class: "button small" }, "Import…", file)),
      this.#list,
    );
    app.session.addEventListener("styles", () => this.#draw());
    this.#draw();
  }

  /** @param {string} name */
  open(name) {
    this.#open = name;
    this.#draw();
  }

  /**
   * Proposes a new style from files.
   * @param {File[]} files
   */
  addFiles(files) {
    this.#adding.take(files);
  }

  /** @param {File} file */
  async import(file) {
    const response = await this.#app.api.send("/styles/import", {
      method: "POST",
      body: await file.text(),
      headers: { "content-type": "application/json" },
    });
    /** @type {Style} */
    const style = await response.json();
    await this.#app.session.reload();
    this.open(style.name);
  }

  #draw() {
    fill(this.#list, ...this.#app.session.styles.map((style) => this.#item(style)));
  }

  /** @param {Style} style */
  #item(style) {
    const isOpen = style.name === this.#open;
    const dot = el("span", { class: "dot" });
    dot.style.background = style.color;
    const share = `${Math.round(100 * style.weight)} %`;
    const toggle = () => {
      this.#open = isOpen ? null : style.name;
      this.#draw();
      const selector = `[data-style="${CSS.escape(style.name)}"]`;
      /** @type {HTMLElement | null} */ (this.#list.querySelector(selector))?.focus();
    };
    const head = el(
      "button",
      {
        type: "button",
        class: "head",
        "aria-expanded": String(isOpen),
        "data-style": style.name,
        onclick: toggle,
      },
      dot,
      el(
        "span",
        { class: "words" },
        el("span", { class: "name" }, style.name),
        el("span", { class: "what" }, style.description),
      ),
      el("span", { class: "what" }, style.added ? "yours" : share),
    );
    const setHidden = async () => {
      const path = `/styles/${encodeURIComponent(style.name)}`;
      await this.#app.api.patch(path, { hidden: !style.hidden });
      await this.#app.session.reload();
    };
    const hide = iconButton(
      "eye",
      style.hidden ? `Show ${style.name}` : `Hide ${style.name}`,
      () => this.#app.attempt(setHidden),
      { "aria-pressed": String(!style.hidden), class: "quiet eye" },
    );
    const item = el("li", { class: style.hidden ? "hidden-style" : "" }, head, hide);
    item.addEventListener("pointerenter", () => (this.#map.marked = style.name));
    item.addEventListener("pointerleave", () => (this.#map.marked = null));
    item.addEventListener("focusin", () => (this.#map.marked = style.name));
    item.addEventListener("focusout", () => (this.#map.marked = null));
    if (isOpen) {
      item.append(styleCard(this.#app, style, (name) => {
        this.#open = name;
      }));
    }
    return item;
  }
}
