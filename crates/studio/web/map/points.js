// @ts-check
// Draws the points of the map directly into the pixels of an image, which takes a few milliseconds
// for 100,000 points.

/** @typedef {import("../state/session.js").Points} Points */
/** @typedef {import("./view.js").View} View */

/** Opacity of a point at its center and at its rim, out of 256. */
const CENTER = 150;
const RIM = 55;
/**
 * Time budget in milliseconds for a frame while the map moves; beyond it, only every second,
 * fourth, … point is drawn.
 */
const FRAME_BUDGET = 6;

/**
 * @typedef {object} Look
 * @property {Int32Array} colors colors of the styles, as image pixels; 0 is not drawn
 * @property {number} background
 * @property {number} none color of points without a style
 */

/** The points, on a separate canvas. */
export class PointLayer {
  #canvas;
  /** @type {ImageData | null} */
  #image = null;
  /**
   * Signed integers, which JavaScript engines handle fastest.
   * @type {Int32Array}
   */
  #pixels = new Int32Array();
  #stride = 1;
  /** Script milliseconds of the last frame. */
  took = 0;
  /** Whether the last frame skipped points. */
  isPartial = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /**
   * @param {Points} points
   * @param {View} view
   * @param {Look} look
   * @param {boolean} isMoving
   */
  draw(points, view, look, isMoving) {
    const start = performance.now();
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    const width = Math.round(view.width * ratio);
    const height = Math.round(view.height * ratio);
    const context = this.#canvas.getContext("2d", { alpha: false });
    if (!context) return;
    if (!this.#image || this.#image.width !== width || this.#image.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#image = context.createImageData(width, height);
      this.#pixels = new Int32Array(this.#image.data.buffer);
    }
    const stride = isMoving ? this.#stride : 1;
    this.#pixels.fill(look.background);
    const drawn = this.#splat(points, view, look, ratio, width, height, stride);
    context.putImageData(this.#image, 0, 0);
    this.took = performance.now() - start;
    this.isPartial = stride > 1;
    // Estimated time for all points.
    const all = (this.took * points.xs.length) / Math.max(1, drawn);
    if (!isMoving) return;
    if (this.took > FRAME_BUDGET) this.#stride = Math.min(16, stride * 2);
    else this.#stride = all < FRAME_BUDGET ? 1 : stride;
  }

  /**
   * @param {Points} points
   * @param {View} view
   * @param {Look} look
   * @param {number} ratio
   * @param {number} width
   * @param {number} height
   * @param {number} stride
   */
  #splat({ xs, ys, styles }, view, { colors, none }, ratio, width, height, stride) {
    const pixels = this.#pixels;
    const scale = view.scale * ratio;
    const offsetX = width / 2 - view.x * scale;
    const offsetY = height / 2 + view.y * scale;
    // Few points are drawn as discs, many as dots of two pixels.
    const seen = xs.length / Math.max(1, (view.scale / 60) ** 2);
    const radius = Math.round(
      (xs.length <= 4000 || seen < 1500 ? 2 : 1) * Math.max(1, ratio * 0.8),
    );
    const edge = radius + 1;
    let drawn = 0;
    for (let i = 0; i < xs.length; i += stride) {
      drawn++;
      const style = styles[i];
      const color = style < colors.length ? colors[style] : none;
      if (color === 0) continue;
      const x = (offsetX + xs[i] * scale) | 0;
      const y = (offsetY - ys[i] * scale) | 0;
      if (x < edge || y < edge || x >= width - edge || y >= height - edge) continue;
      let at = y * width + x;
      if (radius === 1) {
        pixels[at] = over(pixels[at], color, CENTER);
        pixels[at + 1] = over(pixels[at + 1], color, RIM);
        pixels[at - 1] = over(pixels[at - 1], color, RIM);
        pixels[at + width] = over(pixels[at + width], color, RIM);
        pixels[at - width] = over(pixels[at - width], color, RIM);
        continue;
      }
      at -= radius * width;
      for (let dy = -radius; dy <= radius; dy++, at += width) {
        const reach = dy === -radius || dy === radius ? radius - 1 : radius;
        for (let dx = -reach; dx <= reach; dx++) {
          const isRim = dx === -reach || dx === reach || dy === -radius || dy === radius;
          pixels[at + dx] = over(pixels[at + dx], color, isRim ? RIM : CENTER);
        }
      }
    }
    return drawn;
  }
}

/**
 * Blends a color over another: red and blue together, and green, with one multiplication each.
 * @param {number} under
 * @param {number} color
 * @param {number} alpha out of 256
 */
function over(under, color, alpha) {
  const rb = under & 0xff00ff;
  const g = under & 0x00ff00;
  const mixedRb = (rb + (Math.imul((color & 0xff00ff) - rb, alpha) >> 8)) & 0xff00ff;
  const mixedG = (g + (Math.imul((color & 0x00ff00) - g, alpha) >> 8)) & 0x00ff00;
  return 0xff000000 | mixedRb | mixedG;
}

/**
 * Mixes two image pixels.
 * @param {number} a
 * @param {number} b
 * @param {number} share of the first
 */
export function mixed(a, b, share) {
  let pixel = 0;
  for (const shift of [0, 8, 16, 24]) {
    const value = share * ((a >>> shift) & 255) + (1 - share) * ((b >>> shift) & 255);
    pixel |= Math.round(value) << shift;
  }
  return pixel;
}

/**
 * Converts `rgb(…)` or `#rrggbb` to an image pixel (red in the lowest byte).
 * @param {string} color
 */
export function pixelOf(color) {
  const [r, g, b] = color.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
    : (color.match(/[\d.]+/g) ?? ["0", "0", "0"]).map(Number);
  return 0xff000000 | (b << 16) | (g << 8) | r;
}
