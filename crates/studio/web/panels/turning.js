// @ts-check
// Dials turned while a piece plays are heard in it: its latents, moved and decoded again, take over in time.

import { Latest, newSeed } from "../api.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/** Milliseconds after the last turn until what came of it is kept in the history. */
const SETTLED = 800;

/** Listens to the dials. */
export class Turning {
  #app;
  #puck;
  /** What was turned into what is chosen now. @type {Take | null} */
  #base = null;
  /** @type {Take | null} */
  #live = null;
  #seed = 0;
  #timer = 0;
  #latest;

  /**
   * @param {App} app
   * @param {import("../map/puck.js").Puck} puck which sees to itself
   */
  constructor(app, puck) {
    this.#app = app;
    this.#puck = puck;
    this.#latest = new Latest((base, signal) => this.#turn(base, signal), (error) => app.fail(error));
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
    this.#latest.want(this.#base);
  }

  /**
   * @param {Take} base
   * @param {AbortSignal} signal
   */
  async #turn(base, signal) {
    const app = this.#app;
    const { attributes, temperature } = app.session;
    const body = { z: base.windows.map(({ z }) => z), temperature, seed: this.#seed };
    /** @type {{ windows: Window[] }} */
    const { windows } = attributes.length
      ? await app.api.post("/attributes", { ...body, attributes }, signal)
      : await app.api.post("/decode", body, signal);
    const { current } = app.history;
    // Something else was chosen meanwhile.
    if (current !== base && current !== this.#live) return;
    const turned = attributes.map(({ name, by }) => `${name} ${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(1)}`).join(", ");
    const live = app.takeOfWindows(windows, turned ? `Turned: ${turned}` : "Drawn anew", base.title, this.#seed);
    live.qpm = base.qpm;
    this.#live = live;
    await app.swap(live);
    clearTimeout(this.#timer);
    this.#timer = Number(setTimeout(() => {
      if (app.history.current === live) app.history.add([live], { before: base });
    }, SETTLED));
  }
}
