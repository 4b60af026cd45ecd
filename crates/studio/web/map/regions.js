// @ts-check
// The regions of the styles on the map: which one a place is in, and where its name is written.

/** @typedef {import("../types.js").Ellipse} Ellipse */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("./view.js").View} View */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box in pixels */
/** @typedef {{ style: number, x: number, y: number, box: Box }} Name */

/** Distance from its middle at which a region ends, in standard deviations. */
const REACH = 2;
/** Pixels that a name may lie above or below the middle of its ellipse, from near to far. */
const OFFSETS = [0, -18, 18, -36, 36];
/** Number of offsets tried in the view of the whole map, where names stay on their ellipses. */
const N_OVERVIEW_OFFSETS = 3;
/** Half of the height of a name in pixels, and the space around the text for its dot. */
const HALF_HEIGHT = 10;
const DOT_WIDTH = 18;

/**
 * The squared distance of a place from the middle of an ellipse: 1 on its rim.
 * @param {Ellipse} ellipse
 * @param {Point} place
 */
function distanceSquared({ x, y, axes, angle }, place) {
  const [dx, dy] = [place.x - x, place.y - y];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const along = (dx * cos + dy * sin) / Math.max(1e-12, axes[0]);
  const across = (dy * cos - dx * sin) / Math.max(1e-12, axes[1]);
  return along ** 2 + across ** 2;
}

/**
 * The style in whose ellipse a place lies deepest, which is the one that sounds there; `null`
 * outside all ellipses.
 * @param {Ellipse[]} ellipses
 * @param {Point} place
 */
export function styleAt(ellipses, place) {
  /** @type {number | null} */
  let found = null;
  let least = REACH ** 2;
  for (const ellipse of ellipses) {
    const distance = distanceSquared(ellipse, place);
    if (distance <= least) [found, least] = [ellipse.style, distance];
  }
  return found;
}

/**
 * Places names at the middle of their ellipses, the most common styles first. A style gets no name
 * if there is no space.
 * @param {object} scene
 * @param {View} scene.view
 * @param {Ellipse[]} scene.ellipses
 * @param {Style[]} scene.styles
 * @param {Box[]} scene.covered boxes of the elements above the map
 * @param {number | null} scene.first number of a style that always gets a name
 * @param {(text: string) => number} widthOf
 * @returns {Name[]}
 */
export function placeNames({ view, ellipses, styles, covered, first }, widthOf) {
  const taken = [...covered];
  const weight = (/** @type {Ellipse} */ { style }) =>
    style === first ? 2 : styles[style]?.added ? 1 : styles[style]?.weight ?? 0;
  const offsets = view.isWhole ? OFFSETS.slice(0, N_OVERVIEW_OFFSETS) : OFFSETS;
  /** @type {Name[]} */
  const names = [];
  for (const ellipse of [...ellipses].sort((a, b) => weight(b) - weight(a))) {
    const { style } = ellipse;
    if (!styles[style] || styles[style].hidden) continue;
    const half = (widthOf(styles[style].name) + DOT_WIDTH) / 2;
    const at = view.toScreen(ellipse.x, ellipse.y);
    const isOutside = at.x < 0 || at.y < 0 || at.x > view.width || at.y > view.height;
    if (isOutside) continue;
    // A name at the edge moves inward.
    const x = Math.min(view.width - half - 2, Math.max(half + 2, at.x));
    const boxAt = (/** @type {number} */ y) => ({
      left: x - half, right: x + half, top: y - HALF_HEIGHT, bottom: y + HALF_HEIGHT,
    });
    const isFree = (/** @type {Box} */ box) =>
      taken.every((other) =>
        box.left >= other.right || box.right <= other.left ||
        box.top >= other.bottom || box.bottom <= other.top);
    const offset = offsets.find((offset) => isFree(boxAt(at.y + offset)))
      ?? (style === first ? 0 : undefined);
    if (offset === undefined) continue;
    const box = boxAt(at.y + offset);
    taken.push(box);
    names.push({ style, x, y: at.y + offset, box });
  }
  return names;
}

/**
 * The name under a pixel.
 * @param {Name[]} names
 * @param {number} x
 * @param {number} y
 */
export function nameAt(names, x, y) {
  return names.findLast(
    ({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom,
  ) ?? null;
}
