// @ts-check
// Variations of the selected piece, at a chosen distance.

import { newSeed } from "../api.js";
import { el } from "../dom.js";
import { inKeys, notesOfWindows } from "../state/notes.js";
import { Dial } from "../ui/dial.js";
import { textButton } from "./rows.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Take} Take */

/** The section of a panel that varies the selected piece. */
export class Vary {
  #app;
  #n;
  #made;
  #distance;
  #button;
  root;

  /**
   * @param {App} app
   * @param {() => number} n number of variations
   * @param {(takes: Take[]) => void} made
   */
  constructor(app, n, made) {
    this.#app = app;
    this.#n = n;
    this.#made = made;
    this.#distance = new Dial({
      label: "Distance", min: 0.1, max: 2, step: 0.1, value: 0.5,
      hint: "How different the variations are; unrelated pieces are about 1.4 apart",
      text: (value) => value.toFixed(1),
      onChange: () => {},
    });
    this.#button = textButton(
      "dice",
      "Vary the selected piece",
      () => this.vary(),
      { id: "vary", title: "Pieces similar to the selected one" },
    );
    this.root = el("div", { class: "desk" }, this.#distance.root, this.#button);
    app.history.addEventListener("current", () => this.#mark());
    this.#mark();
  }

  #mark() {
    this.#button.disabled = !this.#app.history.current?.windows.length;
  }

  async vary() {
    const app = this.#app;
    const base = app.history.current;
    if (!base?.windows.length) return;
    await app.busy(this.#button, async () => {
      const distance = this.#distance.value;
      const seed = newSeed();
      const anchor = { tokens: base.windows.map(({ tokens }) => tokens) };
      /** @type {{ pieces: Piece[] }} */
      const { pieces } = await app.api.post("/similar", {
        anchor,
        n: this.#n(),
        distance,
        temperature: app.session.temperature,
        seed,
      });
      const takes = pieces.map(
        (piece) => app.take(piece, `Varied by ${distance.toFixed(1)}`, `${base.title}, varied`),
      );
      const isDrum = (/** @type {import("../types.js").Note} */ note) => app.player.isDrum(note);
      const keys = base.windows.map(({ key }) => key ?? 0);
      const { qpm, program, velocity, sections } = base;
      for (const take of takes) {
        take.windows = inKeys(take.windows, keys, isDrum);
        if (keys.some(Boolean)) take.notes = notesOfWindows(take.windows);
        Object.assign(take, { qpm, program, velocity, sections });
      }
      app.history.add(takes);
      this.#made(takes);
      await app.play(takes[0]);
      app.announce(`${takes.length} variations of ${base.title}`);
    });
    this.#mark();
  }
}
