// @ts-check
// The puck: a point in latent space whose music plays. Dragging it decodes its position, one
// request at a time.

import { LatestRequest, newSeed } from "../api.js";
import { moved, onPlane, placeOf } from "./plane.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/** @typedef {import("../app.js").App} App */

/** Milliseconds after the last key move until the result is added to the history. */
const SETTLE_DELAY = 700;

/** Events: `move`, `decoded`. */
export class Puck extends EventTarget {
  /** @type {number[] | null} */
  z = null;
  /** Where it was taken from. */
  origin = "the map";
  seed = newSeed();
  /** Number of decodings that were played. */
  nDecoded = 0;
  #app;
  /**
   * What was selected before the puck was grabbed; undo returns to it.
   * @type {Take | null | undefined}
   */
  #before = undefined;
  /** @type {Take | null} */
  #live = null;
  #isHeld = false;
  #isDecoding = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #latest;

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#latest = new LatestRequest(
      (z, signal) => this.#decode(z, signal),
      (error) => app.fail(error),
    );
    app.session.addEventListener("map", () => this.#onMap());
    app.session.addEventListener("dials", () => {
      // Changes of dials are played immediately if the puck is what is playing.
      if (this.#live && app.history.current === this.#live) this.#request();
    });
  }

  get #inverse() {
    return this.#app.session.map?.inverse ?? null;
  }

  /**
   * Its position on the map, if the map has positions for latents.
   * @returns {Point | null}
   */
  get place() {
    return this.z && this.#inverse ? placeOf(this.#inverse, this.z) : null;
  }

  /** The window that was decoded last. */
  get window() {
    return this.#live?.windows[0] ?? null;
  }

  #onMap() {
    if (!this.z && this.#inverse) this.z = [...this.#inverse.mean];
    this.dispatchEvent(new Event("move"));
  }

  /** Grabs the puck: everything until `release` is one entry in the history. */
  grab() {
    if (!this.#isHeld && this.#before === undefined) this.#before = this.#app.history.current;
    this.#isHeld = true;
  }

  /**
   * @param {number} dx in map units
   * @param {number} dy
   */
  drag(dx, dy) {
    if (!this.z || !this.#inverse) return;
    this.z = moved(this.#inverse, this.z, dx, dy);
    this.#request();
  }

  /** Releases the puck: what plays now is kept. */
  release() {
    this.#isHeld = false;
    this.#settle();
  }

  /**
   * Moves the puck by a key; the result is kept once no more keys are pressed.
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    this.grab();
    this.drag(dx, dy);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), SETTLE_DELAY);
  }

  /**
   * Moves the puck to a position on the plane.
   * @param {Point} place
   */
  put(place) {
    if (!this.#inverse) return;
    this.grab();
    this.origin = "the map";
    this.z = onPlane(this.#inverse, place);
    this.#request();
    this.release();
  }

  /** Decodes its position again, with a new seed. */
  again() {
    this.grab();
    this.seed = newSeed();
    this.#request();
    this.release();
  }

  /**
   * Moves the puck to a window and adopts its latent, so that dragging continues from that music.
   * @param {number[]} z
   * @param {string} origin
   */
  adopt(z, origin) {
    this.z = [...z];
    this.origin = origin;
    this.#live = null;
    this.#before = undefined;
    this.dispatchEvent(new Event("move"));
  }

  #request() {
    this.#isDecoding = true;
    this.#latest.send(this.z);
    this.dispatchEvent(new Event("move"));
  }

  /**
   * @param {number[]} z
   * @param {AbortSignal} signal
   */
  async #decode(z, signal) {
    const app = this.#app;
    const { temperature, attributes } = app.session;
    const body = { z: [z], temperature, seed: this.seed };
    try {
      /** @type {{ windows: Window[] }} */
      const { windows } = attributes.length
        ? await app.api.post("/attributes", { ...body, attributes }, signal)
        : await app.api.post("/decode", body, signal);
      const near = app.stylesOf(windows)[0];
      const title = near ? `Near ${near.style.name}` : "Somewhere on the map";
      this.#live = app.takeOfWindows(windows, `Puck, from ${this.origin}`, title, this.seed);
      this.nDecoded++;
      this.#isDecoding = z !== this.z;
      await app.swap(this.#live);
      this.dispatchEvent(new Event("decoded"));
      this.#settle();
    } finally {
      if (z === this.z) this.#isDecoding = false;
    }
  }

  /** Keeps what is playing, once the puck is released and decoded. */
  #settle() {
    if (this.#isHeld || this.#isDecoding || !this.#live || this.#before === undefined) return;
    clearTimeout(this.#timer);
    const before = this.#before;
    this.#before = undefined;
    // If something else was selected meanwhile, it stays selected.
    this.#app.history.add([this.#live], {
      before, choose: this.#app.history.current === this.#live,
    });
    this.#app.announce(`${this.#live.title}: ${this.#app.stylesText(this.#live.windows)}`);
  }
}
