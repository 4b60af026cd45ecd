// @ts-check
// The puck: a place on the map whose music plays. Dragging it requests the music of its place, one
// request at a time.

import { LatestRequest, newSeed } from "../api.js";
import { placeOf } from "./plane.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/** @typedef {import("../app.js").App} App */

/** Milliseconds after the last key move until the result is added to the history. */
const SETTLE_DELAY = 700;

/** Initial distance from the middle of a style, in standard deviations. */
const START = 0.7;
/** Milliseconds after a map is shown until the server prepares its places. */
const WARM_UP_DELAY = 300;
/** The initial seed, fixed so that the map sounds the same whenever it is opened. */
const FIRST_SEED = 1;

/** Events: `move`, `decoded`, `measured`. */
export class Puck extends EventTarget {
  /**
   * Its position on the map, if the map has music for places.
   * @type {Point | null}
   */
  place = null;
  /**
   * The latent of the music that it was placed on, which sounds unchanged there and similar nearby.
   * @type {number[] | null}
   */
  held = null;
  /** The source of that music. */
  origin = "the map";
  seed = FIRST_SEED;
  /** Number of decodings that were played. */
  nDecoded = 0;
  #app;
  /**
   * The selection before the puck was grabbed, which undo returns to.
   * @type {Take | null | undefined}
   */
  #before = undefined;
  /** @type {Take | null} */
  #live = null;
  #isHeld = false;
  /** Number of requests so far; the response to the last one is the current music. */
  #nRequests = 0;
  #isDecoding = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #latest;
  #measuring;
  #warming = new AbortController();

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#latest = new LatestRequest(
      (input, signal) => this.#decode(input, signal),
      (error) => app.fail(error),
    );
    this.#measuring = new LatestRequest(
      (live, signal) => this.#measure(live, signal),
      (error) => app.fail(error),
    );
    app.session.addEventListener("map", () => this.#onMap());
    app.session.addEventListener("changing", () => this.#warming.abort());
    app.session.addEventListener("dials", () => {
      // Changes of dials apply immediately if the puck's music is playing.
      if (this.#live && app.history.current === this.#live) this.#request();
    });
  }

  get #inverse() {
    return this.#app.session.map?.inverse ?? null;
  }

  /** The window that was decoded last. */
  get window() {
    return this.#live?.windows[0] ?? null;
  }

  #onMap() {
    // On another map, it moves to the position of its music.
    this.held = this.window?.z ?? this.held;
    if (!this.#inverse) this.place = null;
    else this.place = this.held ? placeOf(this.#inverse, this.held) : this.#start();
    this.dispatchEvent(new Event("move"));
    this.#warmUp();
  }

  /**
   * Lets the server choose the windows of all styles in advance, so that the first touch sounds
   * immediately.
   */
  async #warmUp() {
    // One at a time, and not for maps that are shown for a moment: it is a long job of the server.
    this.#warming.abort();
    const { signal } = (this.#warming = new AbortController());
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_DELAY));
    if (signal.aborted) return;
    const { mapQuery: map, map: shown } = this.#app.session;
    const places = (shown?.ellipses ?? []).map(({ x, y }) => [x, y]);
    if (!this.place || !places.length) return;
    const { n_windows } = this.#app.model.limits;
    const body = {
      map, places: places.slice(0, n_windows), seed: this.seed, temperature: null, measure: false,
    };
    // If it fails, the first touch takes longer.
    await this.#app.api.post("/place", body, signal).catch(() => {});
  }

  /** The initial place: in the most common style, next to its name. */
  #start() {
    const { styles, map } = this.#app.session;
    const weight = (/** @type {number} */ index) => styles[index]?.weight ?? 0;
    const [first] = [...(map?.ellipses ?? [])].sort((a, b) => weight(b.style) - weight(a.style));
    if (!first) return { x: 0, y: 0 };
    const { x, y, axes, angle } = first;
    const [up, right] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
    // Along the more vertical axis of the ellipse, and down.
    const length = START * (up > right ? axes[1] : axes[0]);
    const direction = up > right ? angle - Math.PI / 2 : angle;
    const sign = Math.sin(direction) > 0 ? -1 : 1;
    return {
      x: x + sign * length * Math.cos(direction), y: y + sign * length * Math.sin(direction),
    };
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
    if (!this.place) return;
    this.place = { x: this.place.x + dx, y: this.place.y + dy };
    this.#request();
  }

  /** Releases the puck and keeps what is playing. */
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
    this.held = null;
    this.place = place;
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
   * Moves the puck to a window and holds its latent, so that dragging continues from that music.
   * @param {number[]} z
   * @param {string} origin
   */
  adopt(z, origin) {
    this.held = [...z];
    this.place = this.#inverse && placeOf(this.#inverse, z);
    this.origin = origin;
    this.#live = null;
    this.#before = undefined;
    this.dispatchEvent(new Event("move"));
  }

  #request() {
    if (!this.place) return;
    this.#isDecoding = true;
    const { place, held, seed } = this;
    this.#latest.send({ place, held, seed, number: ++this.#nRequests });
    this.dispatchEvent(new Event("move"));
  }

  /**
   * @param {{ place: Point, held: number[] | null, seed: number, number: number }} input
   * @param {AbortSignal} signal
   */
  async #decode({ place, held, seed, number }, signal) {
    const app = this.#app;
    const { temperature, attributes, mapQuery: map } = app.session;
    try {
      const places = [[place.x, place.y]];
      /** @type {{ windows: Window[] }} */
      const { windows } = await app.api.post(
        "/place", { map, places, held, temperature, attributes, seed, measure: false }, signal,
      );
      const how = `Puck, from ${this.origin}`;
      this.#live = app.shaped(app.takeOfWindows(windows, how, "Music of the map", seed));
      this.nDecoded++;
      this.#isDecoding = number !== this.#nRequests;
      await app.swap(this.#live);
      this.dispatchEvent(new Event("decoded"));
      this.#measuring.send(this.#live);
      this.#settle();
    } finally {
      if (number === this.#nRequests) this.#isDecoding = false;
    }
  }

  /**
   * Measures the styles of the music. It plays first, because measuring takes as long as generating
   * it.
   * @param {Take} live
   * @param {AbortSignal} signal
   */
  async #measure(live, signal) {
    const app = this.#app;
    const tokens = live.windows.map(({ tokens }) => tokens);
    /** @type {{ memberships: import("../types.js").Memberships[] }} */
    const { memberships } = await app.api.post("/measure", { windows: tokens }, signal);
    const windows = live.windows.map((window, i) => ({ ...window, memberships: memberships[i] }));
    const [first, second] = app.stylesOf(windows);
    const title = !first
      ? "Like no style"
      : !second || first.share >= 0.5
        ? `Like ${first.style.name}`
        : `Between ${first.style.name} and ${second.style.name}`;
    app.history.amend(live, { windows, title });
    this.dispatchEvent(new Event("measured"));
    if (live === this.#live && !this.#isDecoding) this.#announce();
  }

  #announce() {
    if (!this.#live) return;
    const styles = this.#app.stylesText(this.#live.windows);
    if (styles) this.#app.announce(`${this.#live.title}: ${styles}`);
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
    this.#announce();
  }
}
