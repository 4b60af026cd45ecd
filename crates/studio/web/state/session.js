// @ts-check
// What the server keeps and the page knows of it: model, styles, the map; and how the dials stand.

/** @typedef {import("../types.js").Model} Model */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").MapData} MapData */
/** @typedef {import("../types.js").ReferenceWindow} ReferenceWindow */
/** @typedef {import("../api.js").Api} Api */

/** Bytes of a row of the map's points: x, y, style. */
const ROW = 12;
/** Milliseconds between two looks at a map that is being computed. */
const POLL = 700;
/** Windows that are remembered once asked for. */
const REMEMBERED = 600;

/** @typedef {{ xs: Float32Array, ys: Float32Array, styles: Uint32Array }} Points */

/** Events: `styles`, `map`, `progress`, `dials`. */
export class Session extends EventTarget {
  /** @type {Style[]} */
  styles = [];
  /** @type {MapData | null} */
  map = null;
  /** @type {Points} */
  points = { xs: new Float32Array(), ys: new Float32Array(), styles: new Uint32Array() };
  /** @type {MapData["projection"]} */
  projection = "pca";
  /** Styles that LDA is to tell apart; all where none is named.
   * @type {string[]} */
  between = [];
  dials = {
    temperature: 0.5,
    spread: 1,
    membership: 0,
    /** Of the distance that draws usually are from a style's middle; 1.5 and more: any. */
    reach: 1.5,
    smoothness: 0.8,
    /** Share of a piece's notes that may be in one part of the training music; 1: any. */
    copied: 1,
    /** @type {Record<string, number>} in standard deviations */
    attributes: {},
  };
  /** @type {Map<number, Promise<ReferenceWindow>>} */
  #windows = new Map();
  #mapTurn = 0;

  /**
   * @param {Api} api
   * @param {Model} model
   */
  constructor(api, model) {
    super();
    this.api = api;
    this.model = model;
  }

  /** Temperature as the server takes it: nothing means the likeliest at each step. */
  get temperature() {
    return this.dials.temperature > 0 ? this.dials.temperature : null;
  }

  /** The attributes that are turned away from their middle. */
  get attributes() {
    return Object.entries(this.dials.attributes)
      .filter(([, by]) => by !== 0)
      .map(([name, by]) => ({ name, by }));
  }

  /** Styles to choose from, in their order. */
  get visible() {
    return this.styles.filter((style) => !style.hidden);
  }

  async loadStyles() {
    const styles = await this.api.get("/styles");
    this.styles = styles.sort((/** @type {Style} */ a, /** @type {Style} */ b) => a.index - b.index);
    this.dispatchEvent(new Event("styles"));
  }

  /** After a change of styles: their places and those on the map have changed. */
  async reload() {
    await this.loadStyles();
    this.between = this.between.filter((name) => this.styles.some((style) => style.name === name));
    await this.loadMap();
  }

  /**
   * Asks for the map; while it is being computed, again and again.
   * @param {MapData["projection"]} [projection]
   */
  async loadMap(projection = this.projection) {
    const turn = ++this.#mapTurn;
    const query = new URLSearchParams({ projection });
    if (projection === "lda") {
      const names = this.between.length >= 2 ? this.between : this.visible.map(({ name }) => name);
      query.set("styles", names.join(","));
    }
    for (;;) {
      /** @type {MapData} */
      const map = await this.api.get(`/map?${query}`);
      if (turn !== this.#mapTurn) return;
      if (map.progress >= 1) {
        const rows = await (await this.api.send(`/map/points?${query}`)).arrayBuffer();
        if (turn !== this.#mapTurn) return;
        this.points = pointsOf(rows);
        this.map = map;
        this.projection = projection;
        this.#windows.clear();
        this.dispatchEvent(new Event("map"));
        return;
      }
      this.dispatchEvent(new CustomEvent("progress", { detail: map.progress }));
      await new Promise((resolve) => setTimeout(resolve, POLL));
      if (turn !== this.#mapTurn) return;
    }
  }

  /**
   * A window of the training music.
   * @param {number} index its row on the map
   */
  window(index) {
    let found = this.#windows.get(index);
    if (!found) {
      found = /** @type {Promise<ReferenceWindow>} */ (this.api.get(`/windows/${index}`));
      found.catch(() => this.#windows.delete(index));
      this.#windows.set(index, found);
      const oldest = this.#windows.keys().next().value;
      if (this.#windows.size > REMEMBERED && oldest !== undefined) this.#windows.delete(oldest);
    }
    return found;
  }

  /** Tells that a dial was turned. */
  turned() {
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
