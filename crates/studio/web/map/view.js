// @ts-check
// Which part of the map is seen: from the map's coordinates to pixels and back.

/** @typedef {import("../types.js").Point} Point */

/** Share of the canvas that stays free around the whole map. */
const MARGIN = 0.09;
/** How far in and out one can go, beside the whole map. */
const CLOSEST = 60;
const FARTHEST = 0.4;

/** A window onto the map; y goes up on the map and down on the screen. */
export class View {
  width = 1;
  height = 1;
  /** The map's point in the middle. */
  x = 0;
  y = 0;
  /** Pixels to a unit of the map. */
  scale = 1;
  #whole = 1;
  /** @type {[number, number, number, number]} */
  #bounds = [-1, -1, 1, 1];

  /**
   * The canvas changed its size; what was in the middle stays there.
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
    return { x: (x - this.x) * this.scale + this.width / 2, y: this.height / 2 - (y - this.y) * this.scale };
  }

  /**
   * @param {number} x pixels
   * @param {number} y pixels
   * @returns {Point}
   */
  toMap(x, y) {
    return { x: (x - this.width / 2) / this.scale + this.x, y: (this.height / 2 - y) / this.scale + this.y };
  }

  /**
   * @param {number} dx pixels
   * @param {number} dy pixels
   */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /**
   * Goes nearer or farther; what is under a pixel stays there.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const held = this.toMap(x, y);
    this.scale = Math.min(CLOSEST * this.#whole, Math.max(FARTHEST * this.#whole, this.scale * factor));
    const now = this.toMap(x, y);
    this.x += held.x - now.x;
    this.y += held.y - now.y;
  }

  #wholeScale() {
    const [x0, y0, x1, y1] = this.#bounds;
    const free = 1 - 2 * MARGIN;
    return Math.min((this.width * free) / Math.max(1e-6, x1 - x0), (this.height * free) / Math.max(1e-6, y1 - y0));
  }
}
