// @ts-check
// Pieces as rows: preview, name, play, favorite, remove. A row is created once and kept as long as
// its piece.

import { el, fill, icon, iconButton } from "../dom.js";
import { drawMini } from "../roll/mini.js";
import { onTheme } from "../ui/theme.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Take} Take */

/** A list of pieces. */
export class Rows {
  root = el("ul", { class: "rows" });
  #app;
  #empty;
  /** @type {WeakMap<Take, Row>} */
  #rows = new WeakMap();
  /** @type {Take[]} */
  #takes = [];

  /**
   * @param {App} app
   * @param {string} empty text shown if there are no pieces
   */
  constructor(app, empty) {
    this.#app = app;
    this.#empty = empty;
    for (const event of ["change", "current"]) {
      app.history.addEventListener(event, () => this.#update());
    }
    for (const event of ["start", "stop", "swap"]) {
      app.player.addEventListener(event, () => this.#update());
    }
    onTheme(() => {
      for (const take of this.#takes) this.#rows.get(take)?.draw();
    });
    new ResizeObserver(() => {
      for (const take of this.#takes) this.#rows.get(take)?.draw();
    }).observe(this.root);
  }

  /** @param {Take[]} takes */
  show(takes) {
    const same =
      takes.length === this.#takes.length && takes.every((take, i) => take === this.#takes[i]);
    if (same && this.root.childElementCount) {
      this.#update();
      return;
    }
    this.#takes = takes;
    const rows = takes.map((take) => {
      const row = this.#rows.get(take) ?? new Row(this.#app, take);
      this.#rows.set(take, row);
      return row.root;
    });
    if (rows.length) fill(this.root, ...rows);
    else fill(this.root, el("li", { class: "empty" }, this.#empty));
    this.#update();
  }

  #update() {
    for (const take of this.#takes) this.#rows.get(take)?.update();
  }
}

class Row {
  #app;
  #take;
  /** @type {unknown} */
  #drawn = null;
  #canvas = el("canvas", { class: "mini" });
  #name = el("span", { class: "name" });
  #what = el("span", { class: "what" });
  #action = el("span", { class: "spoken" });
  #star;
  #play;

  /**
   * @param {App} app
   * @param {Take} take
   */
  constructor(app, take) {
    this.#app = app;
    this.#take = take;
    this.#play = el(
      "button",
      { type: "button", class: "take", onclick: () => this.#toggle() },
      this.#canvas,
      this.#action,
      el("span", { class: "words" }, this.#name, this.#what),
    );
    this.#star = iconButton(
      "star",
      "Favorite",
      () => app.history.edit(take, { favourite: !take.favourite }, "favorite"),
      { class: "quiet star" },
    );
    const remove = iconButton(
      "close",
      "Remove",
      () => app.history.remove(take),
      { class: "quiet remove" },
    );
    this.root = el("li", { "data-take": take.id }, this.#play, this.#star, remove);
  }

  #toggle() {
    const { player, history } = this.#app;
    if (player.isPlaying && history.current === this.#take) player.stop();
    else this.#app.play(this.#take);
  }

  update() {
    const take = this.#take;
    const { player, history } = this.#app;
    const isCurrent = history.current === take;
    const plays = isCurrent && player.isPlaying;
    this.root.classList.toggle("current", isCurrent);
    this.root.classList.toggle("plays", plays);
    if (this.#name.textContent !== take.title) this.#name.textContent = take.title;
    const what = [
      take.how,
      take.seed === null ? null : `seed ${take.seed}`,
      take.edited ? "edited" : null,
      this.#app.stylesText(take.windows, 1),
    ];
    const text = what.filter(Boolean).join(" · ");
    if (this.#what.textContent !== text) this.#what.textContent = text;
    this.#play.setAttribute("aria-pressed", String(plays));
    this.#action.textContent = plays ? "Stop" : "Play";
    this.#star.setAttribute("aria-pressed", String(take.favourite));
    this.#star.setAttribute("aria-label", `Favorite: ${take.title}`);
    if (this.#drawn !== take.notes) this.draw();
  }

  draw() {
    if (!this.#canvas.clientWidth) return;
    this.#drawn = this.#take.notes;
    drawMini(this.#canvas, this.#take.notes, this.#take.n_steps);
  }
}

/**
 * Creates a button with an icon and a text.
 * @param {string} name
 * @param {string} text
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, unknown>} [attributes]
 */
export function textButton(name, text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, icon(name), text);
}
