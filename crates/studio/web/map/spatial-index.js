// @ts-check
// Finds the point nearest to a position, with points sorted into the cells of a grid.

/** @typedef {import("../state/session.js").Points} Points */

/** Average number of points per cell. */
const PER_SQUARE = 4;

/** A spatial index over fixed points. */
export class SpatialIndex {
  #points;
  #n;
  #x0 = Infinity;
  #y0 = Infinity;
  #width = 1;
  #height = 1;
  /** Start of each cell's points in `#order`. */
  #starts;
  #order;

  /** @param {Points} points */
  constructor(points) {
    const { xs, ys } = points;
    this.#points = points;
    let [x1, y1] = [-Infinity, -Infinity];
    for (let i = 0; i < xs.length; i++) {
      this.#x0 = Math.min(this.#x0, xs[i]);
      this.#y0 = Math.min(this.#y0, ys[i]);
      x1 = Math.max(x1, xs[i]);
      y1 = Math.max(y1, ys[i]);
    }
    this.#n = Math.max(1, Math.floor(Math.sqrt(xs.length / PER_SQUARE)));
    this.#width = Math.max(1e-9, (x1 - this.#x0) / this.#n);
    this.#height = Math.max(1e-9, (y1 - this.#y0) / this.#n);
    // Counting sort.
    this.#starts = new Uint32Array(this.#n * this.#n + 1);
    for (let i = 0; i < xs.length; i++) this.#starts[this.#square(xs[i], ys[i]) + 1]++;
    for (let s = 0; s < this.#n * this.#n; s++) this.#starts[s + 1] += this.#starts[s];
    this.#order = new Uint32Array(xs.length);
    const next = this.#starts.slice();
    for (let i = 0; i < xs.length; i++) this.#order[next[this.#square(xs[i], ys[i])]++] = i;
  }

  /**
   * Returns the index of the nearest point within a distance, or -1.
   * @param {number} x
   * @param {number} y
   * @param {number} reach
   * @param {(style: number) => boolean} isShown
   */
  find(x, y, reach, isShown) {
    if (!this.#order.length) return -1;
    const { xs, ys, styles } = this.#points;
    const [c0, c1] = [this.#column(x - reach), this.#column(x + reach)];
    const [r0, r1] = [this.#row(y - reach), this.#row(y + reach)];
    let [found, best] = [-1, reach * reach];
    for (let row = r0; row <= r1; row++) {
      const end = this.#starts[row * this.#n + c1 + 1];
      for (let at = this.#starts[row * this.#n + c0]; at < end; at++) {
        const i = this.#order[at];
        const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
        if (distance <= best && isShown(styles[i])) [found, best] = [i, distance];
      }
    }
    return found;
  }

  /** @param {number} x */
  #column(x) {
    return Math.min(this.#n - 1, Math.max(0, Math.floor((x - this.#x0) / this.#width)));
  }

  /** @param {number} y */
  #row(y) {
    return Math.min(this.#n - 1, Math.max(0, Math.floor((y - this.#y0) / this.#height)));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #square(x, y) {
    return this.#row(y) * this.#n + this.#column(x);
  }
}
