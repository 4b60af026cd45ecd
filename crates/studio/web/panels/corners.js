// @ts-check
// Four tunes or styles in the corners, and a grid of music between them; a click plays a cell.

import { newSeed } from "../api.js";
import { el, fill } from "../dom.js";
import { drawMini } from "../roll/mini.js";
import { onTheme } from "../ui/theme.js";
import { dropZone } from "../ui/drop.js";
import { readTune } from "./tune.js";
import { textButton } from "./rows.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Anchor} Anchor */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Take} Take */

const CORNERS = ["Top left", "Top right", "Bottom left", "Bottom right"];
const SIZES = [3, 4, 5, 7];

/** The panel. */
export class CornersPanel {
  id = "corners";
  name = "Corners";
  root = el("div");
  #app;
  #selects = CORNERS.map((name) => el("select", { class: "corner", "aria-label": name }));
  #grid = el("div", { class: "grid", role: "group", "aria-label": "Between the corners" });
  #size = el("select", { id: "grid-size" });
  #fill;
  /**
   * Tunes that were dropped as corners.
   * @type {Take[]}
   */
  #tunes = [];
  #n = 0;
  /** @type {{ take: Take, button: HTMLButtonElement, canvas: HTMLCanvasElement }[]} */
  #cells = [];

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const sizes = SIZES.filter((n) => n <= app.model.limits.n_grid);
    fill(this.#size, ...sizes.map((n) => el("option", { value: n }, `${n} × ${n}`)));
    this.#size.value = String(sizes.includes(5) ? 5 : sizes[sizes.length - 1]);
    this.#fill = textButton(
      "dice",
      "Fill the grid",
      () => this.fillGrid(),
      { id: "fill-grid", class: "primary" },
    );
    const [a, b, c, d] = this.#selects;
    fill(
      this.root,
      el("div", { class: "corners" }, a, b, this.#grid, c, d),
      el("div", { class: "fields" }, el("label", {}, "Cells", this.#size), this.#fill),
      dropZone({
        text: "Drop a tune here to use it as a corner",
        label: "A MIDI file for a corner",
        accept: ".mid,.midi",
        id: "corner-file",
        take: (files) => this.drop(files[0]),
      }),
    );
    app.session.addEventListener("styles", () => this.#draw());
    app.history.addEventListener("change", () => this.#draw());
    for (const event of ["current", "change"]) {
      app.history.addEventListener(event, () => this.#mark());
    }
    for (const event of ["start", "stop", "swap"]) {
      app.player.addEventListener(event, () => this.#mark());
    }
    this.#grid.addEventListener("keydown", (event) => this.#key(event));
    this.#grid.addEventListener("pointermove", (event) => this.#slide(event));
    onTheme(() => this.#drawCells());
    new ResizeObserver(() => this.#drawCells()).observe(this.#grid);
    this.#draw();
    fill(this.#grid, el("p", { class: "empty" }, "Choose the corners, then fill the grid."));
  }

  /** The choices for a corner: styles, tunes dropped here, favorites and the latest pieces. */
  #draw() {
    const { session, history } = this.#app;
    const isChoice = (/** @type {Take} */ take, /** @type {number} */ i) =>
      (take.favourite || i < 8) && take.windows.length && !this.#tunes.includes(take);
    const pieces = [...this.#tunes, ...history.takes.filter(isChoice)];
    this.#selects.forEach((select, i) => {
      const chosen = select.value;
      const styles = session.visible.map(
        ({ name }) => el("option", { value: `style:${name}` }, name),
      );
      const takes = pieces.map((take) => el("option", { value: `take:${take.id}` }, take.title));
      fill(
        select,
        el("optgroup", { label: "Styles" }, ...styles),
        el("optgroup", { label: "Pieces" }, ...takes),
      );
      select.value = chosen;
      if (select.selectedIndex < 0 && styles.length) select.value = styles[i % styles.length].value;
    });
  }

  /** @param {File} file */
  async drop(file) {
    await this.#app.attempt(async () => {
      const { take } = await readTune(this.#app, file);
      this.#tunes.unshift(take);
      this.#draw();
      const isStyle = (/** @type {HTMLSelectElement} */ select) => select.value.startsWith(
        "style:",
      );
      const free = this.#selects.find(isStyle) ?? this.#selects[0];
      free.value = `take:${take.id}`;
      this.#app.announce(
        `${take.title} is at the ${free.getAttribute("aria-label")?.toLowerCase()}`,
      );
    });
  }

  /**
   * @param {string} value
   * @returns {Anchor}
   */
  #anchor(value) {
    const [kind, id] = [value.slice(0, 5), value.slice(value.indexOf(":") + 1)];
    if (kind === "style") return { style: id };
    const take = [...this.#tunes, ...this.#app.history.takes].find((take) => take.id === id);
    if (!take) throw new Error("The piece in a corner was removed; choose another.");
    // A corner is one latent: for longer pieces, that of the first window.
    return { z: take.windows[0].z };
  }

  async fillGrid() {
    const app = this.#app;
    await app.busy(this.#fill, async () => {
      const seed = newSeed();
      const corners = this.#selects.map(({ value }) => this.#anchor(value));
      /** @type {{ n: number, cells: Piece[] }} */
      const { n, cells } = await app.api.post("/grid", {
        corners,
        n: Number(this.#size.value),
        temperature: app.session.temperature,
        seed,
      });
      this.#n = n;
      this.#cells = cells.map((cell, i) => {
        const take = app.take(
          cell,
          `Between corners: row ${Math.floor(i / n) + 1}, column ${(i % n) + 1}`,
        );
        const canvas = el("canvas");
        const button = el(
          "button",
          {
            type: "button",
            class: "cell",
            tabindex: i ? -1 : 0,
            "data-cell": i,
            onclick: () => this.#play(take),
          },
          canvas,
        );
        button.style.setProperty(
          "--cell",
          this.#color(Math.floor(i / n) / (n - 1), (i % n) / (n - 1)),
        );
        return { take, button, canvas };
      });
      this.#grid.style.setProperty("--n", String(n));
      fill(this.#grid, ...this.#cells.map(({ button }) => button));
      this.#drawCells();
      this.#mark();
      app.announce(`A grid of ${n} by ${n}: click a cell, or drag across the cells`);
    });
  }

  /**
   * Mixes the colors of the corners.
   * @param {number} down 0 to 1
   * @param {number} right
   */
  #color(down, right) {
    const { styles } = this.#app.session;
    const colors = this.#selects.map(({ value }) => {
      const style = styles.find(({ name }) => value === `style:${name}`);
      return style?.color ?? "#8a8a8a";
    });
    const shares = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right];
    const mixed = [1, 3, 5].map((at) => {
      const values = colors.map((color, i) => shares[i] * parseInt(color.slice(at, at + 2), 16));
      return Math.round(values.reduce((sum, value) => sum + value, 0));
    });
    return `rgb(${mixed.join(" ")})`;
  }

  #drawCells() {
    for (const { take, canvas } of this.#cells) drawMini(canvas, take.notes, take.n_steps);
  }

  #mark() {
    const { history, player } = this.#app;
    this.#cells.forEach(({ take, button }, i) => {
      const plays = player.isPlaying && history.current === take;
      button.setAttribute("aria-pressed", String(plays));
      const place = `Row ${Math.floor(i / this.#n) + 1}, column ${(i % this.#n) + 1}`;
      button.setAttribute("aria-label", `${place}: ${this.#app.stylesText(take.windows, 2)}`);
    });
  }

  /** @param {Take} take */
  #play(take) {
    const { history, player } = this.#app;
    if (player.isPlaying && history.current === take) {
      player.stop();
      return;
    }
    if (!history.takes.includes(take)) history.add([take]);
    this.#app.swap(take);
  }

  /**
   * While the pointer button is held, the cell under the pointer plays.
   * @param {PointerEvent} event
   */
  #slide(event) {
    if (!(event.buttons & 1)) return;
    const under = document.elementFromPoint(event.clientX, event.clientY)?.closest(".cell");
    const cell = this.#cells.find(({ button }) => button === under);
    if (cell && this.#app.history.current !== cell.take) this.#app.swap(cell.take);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const n = this.#n;
    const by = /** @type {Record<string, number | undefined>} */ ({
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: n, ArrowUp: -n,
    })[event.key];
    const at = this.#cells.findIndex(({ button }) => button === document.activeElement);
    if (by === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const to = this.#cells[at + by];
    const staysInRow = Math.abs(by) !== 1 || Math.floor(at / n) === Math.floor((at + by) / n);
    if (!to || !staysInRow) return;
    for (const { button } of this.#cells) button.tabIndex = button === to.button ? 0 : -1;
    to.button.focus();
  }
}
