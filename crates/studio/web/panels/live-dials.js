// @ts-check
// Applies changes of the dials to the piece that is playing: among several versions, the server
// returns the one nearest to the requested values, which takes over in time with the beat.

import { LatestRequest, newSeed } from "../api.js";
import { inKeys } from "../state/notes.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/** Milliseconds after the last change until the result is added to the history. */
const SETTLE_DELAY = 800;

/** Reacts to changes of the dials. */
export class LiveDials {
  #app;
  #puck;
  /**
   * The piece to which the dials are applied.
   * @type {Take | null}
   */
  #base = null;
  /** @type {Take | null} */
  #live = null;
  #seed = 0;
  #timer = 0;
  #latest;

  /**
   * @param {App} app
   * @param {import("../map/puck.js").Puck} puck which handles the dials itself
   */
  constructor(app, puck) {
    this.#app = app;
    this.#puck = puck;
    this.#latest = new LatestRequest(
      (base, signal) => this.#apply(base, signal),
      (error) => app.fail(error),
    );
    app.session.addEventListener("dials", () => this.#onDials());
  }

  #onDials() {
    const { current } = this.#app.history;
    if (!current || !current.windows.length || this.#puck.window === current.windows[0]) return;
    if (!this.#app.player.isPlaying) return;
    if (current !== this.#live) {
      this.#base = current;
      this.#seed = current.seed ?? newSeed();
    }
    this.#latest.send(this.#base);
  }

  /**
   * @param {Take} base
   * @param {AbortSignal} signal
   */
  async #apply(base, signal) {
    const app = this.#app;
    const { attributes, temperature } = app.session;
    const body = { z: base.windows.map(({ z }) => z), temperature, seed: this.#seed };
    const tokens = base.windows.map(({ tokens }) => tokens);
    /** @type {{ windows: Window[], moved?: (number | null)[] }} */
    const { windows, moved = [] } = attributes.length
      ? await app.api.post("/attributes", { ...body, windows: tokens, attributes }, signal)
      : await app.api.post("/decode", body, signal);
    const { current } = app.history;
    // Something else was selected meanwhile.
    if (current !== base && current !== this.#live) return;
    const signed = (/** @type {number} */ by) =>
      `${by < 0 ? "−" : "+"}${Math.abs(by).toFixed(1)}`;
    // The reached values, next to the requested ones.
    const shifts = attributes.map(({ name, by }, i) => {
      const found = moved[i];
      const reached = found === null || found === undefined ? "?" : signed(found);
      return `${name} ${signed(by)} (reached ${reached})`;
    }).join(", ");
    const isDrum = (/** @type {import("../types.js").Note} */ note) => app.player.isDrum(note);
    const keys = base.windows.map(({ key }) => key ?? 0);
    const live = app.takeOfWindows(
      inKeys(windows, keys, isDrum),
      shifts ? `Adjusted: ${shifts}` : "Redrawn",
      base.title,
      this.#seed,
    );
    const { qpm, program, velocity, sections } = base;
    Object.assign(live, { qpm, program, velocity, sections });
    this.#live = live;
    await app.swap(live);
    clearTimeout(this.#timer);
    this.#timer = Number(setTimeout(() => {
      if (app.history.current === live) app.history.add([live], { before: base });
    }, SETTLE_DELAY));
  }
}
