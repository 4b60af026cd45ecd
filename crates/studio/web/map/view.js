// @ts-check
// The visible part of the map: converts between map coordinates and pixels.

/** @typedef {import("../types.js").Point} Point */

/** Fraction of the canvas that stays free around the whole map. */
const MARGIN = 0.09;
/** Up to this zoom, the map shows regions; beyond, the windows in them. */
const WHOLE = 1.6;
/** Zoom limits, relative to the view of the whole map. */
const MAX_ZOOM = 60;
const MIN_ZOOM = 0.4;

/** A view of the map; y points up on the map and down on the screen. */
export class View {
  width = 1;
  height = 1;
  /** The map position at the center. */
  x = 0;
  y = 0;
  /** Pixels per map unit. */
  scale = 1;
  #whole = 1;
  /** @type {[number, number, number, number]} */
  #bounds = [-1, -1, 1, 1];

  /**
   * Adapts to a new canvas size, keeping the center.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    const zoom = this.scale / this.#whole;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.#whole = this.#wholeScale();
    this.scale = this.#whole * zoom;
  }

  /** Whether approximately the whole map is visible. */
  get isWhole() {
    return this.scale < WHOLE * this.#whole;
  }

  /** @param {[number, number, number, number]} bounds */
  fit(bounds = this.#bounds) {
    this.#bounds = bounds;
    this.x = (bounds[0] + bounds[2]) / 2;
    this.y = (bounds[1] + bounds[3]) / 2;
    this.#whole = this.#wholeScale();
    this.scale = this.#whole;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {Point} pixels
   */
  toScreen(x, y) {
    return {
      x: (x - this.x) * this.scale + this.width / 2,
      y: this.height / 2 - (y - this.y) * this.scale,
    };
  }

  /**
   * @param {number} x in pixels
   * @param {number} y in pixels
   * @returns {Point}
   */
  toMap(x, y) {
    return {
      x: (x - this.width / 2) / this.scale + this.x,
      y: (this.height / 2 - y) / this.scale + this.y,
    };
  }

  /**
   * @param {number} dx in pixels
   * @param {number} dy in pixels
   */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /**
   * Zooms in or out, keeping what is under a pixel in place.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toMap(x, y);
    this.scale = Math.min(
      MAX_ZOOM * this.#whole,
      Math.max(MIN_ZOOM * this.#whole, this.scale * factor),
    );
    const after = this.toMap(x, y);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
  }

  #wholeScale() {
    const [x0, y0, x1, y1] = this.#bounds;
    const free = 1 - 2 * MARGIN;
    return Math.min(
      (this.width * free) / Math.max(1e-6, x1 - x0),
      (this.height * free) / Math.max(1e-6, y1 - y0),
    );
  }
}
