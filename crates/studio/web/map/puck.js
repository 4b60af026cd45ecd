// @ts-check
// The puck: a place in latent space that sounds. Where it is dragged is decoded, one request at a time.

import { Latest, newSeed } from "../api.js";
import { moved, onPlane, placeOf } from "./plane.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/** @typedef {import("../app.js").App} App */

/** Milliseconds without a move after which what the keys moved to is kept in the history. */
const SETTLED = 700;

/** Events: `move`, `decoded`. */
export class Puck extends EventTarget {
  /** @type {number[] | null} */
  z = null;
  /** Where it was taken from, if not from the plane. */
  origin = "the plane";
  seed = newSeed();
  /** Decodings that were heard. */
  nDecoded = 0;
  #app;
  /** What was chosen before the puck was taken up; undo goes back to it.
   * @type {Take | null | undefined} */
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
    this.#latest = new Latest((z, signal) => this.#decode(z, signal), (error) => app.fail(error));
    app.session.addEventListener("map", () => this.#onMap());
    app.session.addEventListener("dials", () => {
      // Dials are heard at once where the puck is what plays.
      if (this.#live && app.history.current === this.#live) this.#want();
    });
  }

  get #inverse() {
    return this.#app.session.map?.inverse ?? null;
  }

  /** Where it lies on the map, if the map has places for latents.
   * @returns {Point | null} */
  get place() {
    return this.z && this.#inverse ? placeOf(this.#inverse, this.z) : null;
  }

  /** The window that it last decoded to. */
  get window() {
    return this.#live?.windows[0] ?? null;
  }

  #onMap() {
    if (!this.z && this.#inverse) this.z = [...this.#inverse.mean];
    this.dispatchEvent(new Event("move"));
  }

  /** Taken up: what comes until `release` is one thing in the history. */
  grab() {
    if (!this.#isHeld && this.#before === undefined) this.#before = this.#app.history.current;
    this.#isHeld = true;
  }

  /**
   * @param {number} dx in the map's units
   * @param {number} dy
   */
  drag(dx, dy) {
    if (!this.z || !this.#inverse) return;
    this.z = moved(this.#inverse, this.z, dx, dy);
    this.#want();
  }

  /** Let go: what sounds now is kept. */
  release() {
    this.#isHeld = false;
    this.#settle();
  }

  /**
   * Moved by a key: kept once no more keys come.
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    this.grab();
    this.drag(dx, dy);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), SETTLED);
  }

  /**
   * Put to a place on the plane.
   * @param {Point} place
   */
  put(place) {
    if (!this.#inverse) return;
    this.grab();
    this.origin = "the plane";
    this.z = onPlane(this.#inverse, place);
    this.#want();
    this.release();
  }

  /** Decodes where it is, again. */
  again() {
    this.grab();
    this.seed = newSeed();
    this.#want();
    this.release();
  }

  /**
   * Put on a window, whose latents it takes over: dragged from there, it goes on from that music.
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

  #want() {
    this.#isDecoding = true;
    this.#latest.want(this.z);
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
      const near = app.belongs(windows)[0];
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

  /** Keeps what sounds, once the puck is let go and decoded. */
  #settle() {
    if (this.#isHeld || this.#isDecoding || !this.#live || this.#before === undefined) return;
    clearTimeout(this.#timer);
    const before = this.#before;
    this.#before = undefined;
    // What was chosen meanwhile stays chosen.
    this.#app.history.add([this.#live], { before, choose: this.#app.history.current === this.#live });
    this.#app.say(`${this.#live.title}: ${this.#app.belongsText(this.#live.windows)}`);
  }
}
