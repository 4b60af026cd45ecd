// @ts-check
// The page's copy of the server's state (model, styles, map), and the settings of the dials.

import { isAbort, pause } from "../api.js";

/** @typedef {import("../types.js").Model} Model */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").MapData} MapData */
/** @typedef {import("../types.js").ReferenceWindow} ReferenceWindow */
/** @typedef {import("../api.js").Api} Api */

/** Bytes per row of the map points: x, y, style. */
const ROW = 12;
/** Milliseconds between two requests for a map that is being computed. */
const POLL = 700;
/** Maximum number of cached windows. */
const MAX_CACHED = 600;

/** @typedef {{ xs: Float32Array, ys: Float32Array, styles: Uint32Array }} Points */

/** Events: `styles`, `changing`, `map`, `progress`, `dials`. */
export class Session extends EventTarget {
  /** @type {Style[]} */
  styles = [];
  /** @type {MapData | null} */
  map = null;
  /** @type {Points} */
  points = { xs: new Float32Array(), ys: new Float32Array(), styles: new Uint32Array() };
  /** @type {MapData["projection"]} */
  projection = "pca";
  /**
   * Names of the styles that LDA separates; empty for all.
   * @type {string[]}
   */
  between = [];
  /**
   * Selects the map that is shown.
   * @type {import("../types.js").MapQuery}
   */
  mapQuery = { projection: "pca" };
  dials = {
    temperature: 0.5,
    spread: 1,
    membership: 0,
    /** Maximum distance from the mean of a style, relative to the usual distance; 1.5: no limit. */
    reach: 1.5,
    smoothness: 0.8,
    /** Number of draws that each window of a longer piece is chosen among. */
    care: 8,
    /**
     * Maximum fraction of the notes of a piece copied from one part of the training music; 1: no
     * limit.
     */
    copied: 1,
    /**
     * Shifts in standard deviations.
     * @type {Record<string, number>}
     */
    attributes: {},
  };
  /**
   * What new music gets: semitones above C, whether it keeps to the scale, and the program and
   * velocity of its notes; `null` for the model's.
   * @type {{ key: number, inScale: boolean, program: number | null, velocity: number | null }}
   */
  shape = { key: 0, inScale: false, program: null, velocity: null };
  /** Whether edits of notes keep to the scale of the piece. */
  keepsScale = false;
  /** @type {Map<number, Promise<ReferenceWindow>>} */
  #windows = new Map();
  /** Of the map that is being loaded. */
  #loading = new AbortController();

  /**
   * @param {Api} api
   * @param {Model} model
   */
  constructor(api, model) {
    super();
    this.api = api;
    this.model = model;
  }

  /** The temperature for the server; `null` selects the most likely notes. */
  get temperature() {
    return this.dials.temperature > 0 ? this.dials.temperature : null;
  }

  /** The attributes with a nonzero shift. */
  get attributes() {
    return Object.entries(this.dials.attributes)
      .filter(([, by]) => by !== 0)
      .map(([name, by]) => ({ name, by }));
  }

  /** The styles that are not hidden, in order. */
  get visible() {
    return this.styles.filter((style) => !style.hidden);
  }

  async loadStyles() {
    const styles = await this.api.get("/styles");
    this.styles = styles.sort(
      (/** @type {Style} */ a, /** @type {Style} */ b) => a.index - b.index,
    );
    this.dispatchEvent(new Event("styles"));
  }

  /** Reloads styles and map after a change of styles. */
  async reload() {
    await this.loadStyles();
    this.between = this.between.filter((name) => this.styles.some((style) => style.name === name));
    await this.loadMap();
  }

  /**
   * Renames or removes styles, and loads styles and map again. Requests for the map are given up
   * first, here and by those who listen to `changing`, because they would ask the server for styles
   * that no longer exist.
   * @param {() => Promise<void>} change
   */
  async changeStyles(change) {
    this.#loading.abort();
    this.dispatchEvent(new Event("changing"));
    try {
      await change();
    } finally {
      await this.reload();
    }
  }

  /**
   * Loads a map instead of the one that is being loaded.
   * @param {MapData["projection"]} [projection]
   */
  async loadMap(projection = this.projection) {
    this.#loading.abort();
    this.#loading = new AbortController();
    try {
      await this.#pollMap(projection, this.#loading.signal);
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  }

  /**
   * Asks for a map until it has been computed.
   * @param {MapData["projection"]} projection
   * @param {AbortSignal} signal
   */
  async #pollMap(projection, signal) {
    /** @type {import("../types.js").MapQuery} */
    const mapQuery = { projection };
    if (projection === "lda") {
      const names = this.between.length >= 2 ? this.between : this.visible.map(({ name }) => name);
      mapQuery.styles = names.join(",");
    }
    const query = new URLSearchParams(mapQuery);
    for (;;) {
      /** @type {MapData} */
      const map = await this.api.get(`/map?${query}`, signal);
      if (map.progress >= 1) {
        const response = await this.api.send(`/map/points?${query}`, { signal });
        const rows = await response.arrayBuffer();
        signal.throwIfAborted();
        this.points = pointsOf(rows);
        this.map = map;
        this.projection = projection;
        this.mapQuery = mapQuery;
        this.#windows.clear();
        this.dispatchEvent(new Event("map"));
        return;
      }
      this.dispatchEvent(new CustomEvent("progress", { detail: map.progress }));
      await pause(POLL, signal);
    }
  }

  /**
   * Loads a window of the training music.
   * @param {number} index its row on the map
   */
  window(index) {
    let found = this.#windows.get(index);
    if (!found) {
      found = /** @type {Promise<ReferenceWindow>} */ (this.api.get(`/windows/${index}`));
      found.catch(() => this.#windows.delete(index));
      this.#windows.set(index, found);
      const oldest = this.#windows.keys().next().value;
      if (this.#windows.size > MAX_CACHED && oldest !== undefined) this.#windows.delete(oldest);
    }
    return found;
  }

  /** Notifies listeners that a dial was changed. */
  notifyDials() {
    this.dispatchEvent(new Event("dials"));
  }
}

/**
 * @param {ArrayBuffer} rows
 * @returns {Points}
 */
function pointsOf(rows) {
  const n = Math.floor(rows.byteLength / ROW);
  const view = new DataView(rows);
  const points = { xs: new Float32Array(n), ys: new Float32Array(n), styles: new Uint32Array(n) };
  for (let i = 0; i < n; i++) {
    points.xs[i] = view.getFloat32(i * ROW, true);
    points.ys[i] = view.getFloat32(i * ROW + 4, true);
    points.styles[i] = view.getUint32(i * ROW + 8, true);
  }
  return points;
}
