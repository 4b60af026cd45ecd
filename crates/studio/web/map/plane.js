// @ts-check
// The plane of a projection that can be inverted: latents to places, drags to latents.

/** @typedef {import("../types.js").Point} Point */
/** @typedef {{ mean: number[], axes: [number[], number[]] }} Inverse */

/**
 * Where a latent vector lies.
 * @param {Inverse} inverse
 * @param {number[]} z
 * @returns {Point}
 */
export function placeOf({ mean, axes }, z) {
  let [x, y] = [0, 0];
  for (let i = 0; i < z.length; i++) {
    x += axes[0][i] * (z[i] - mean[i]);
    y += axes[1][i] * (z[i] - mean[i]);
  }
  return { x, y };
}

/**
 * A latent vector moved along the plane; what it is beside the plane stays.
 * @param {Inverse} inverse
 * @param {number[]} z
 * @param {number} dx
 * @param {number} dy
 */
export function moved({ axes }, z, dx, dy) {
  return z.map((value, i) => value + dx * axes[0][i] + dy * axes[1][i]);
}

/**
 * The latent vector of a place on the plane itself.
 * @param {Inverse} inverse
 * @param {Point} place
 */
export function onPlane(inverse, { x, y }) {
  return moved(inverse, inverse.mean, x, y);
}

/**
 * A drawn line as few points at even steps of its length.
 * @param {Point[]} line
 * @param {number} n at most
 * @returns {Point[]}
 */
export function evenly(line, n) {
  const ways = [0];
  for (let i = 1; i < line.length; i++) ways.push(ways[i - 1] + Math.hypot(line[i].x - line[i - 1].x, line[i].y - line[i - 1].y));
  const whole = ways[ways.length - 1];
  if (line.length < 2 || whole === 0) return line.slice(0, 1);
  /** @type {Point[]} */
  const points = [];
  let i = 1;
  for (let k = 0; k < n; k++) {
    const way = (whole * k) / (n - 1);
    while (i < line.length - 1 && ways[i] < way) i++;
    const t = (way - ways[i - 1]) / Math.max(1e-12, ways[i] - ways[i - 1]);
    points.push({ x: line[i - 1].x + t * (line[i].x - line[i - 1].x), y: line[i - 1].y + t * (line[i].y - line[i - 1].y) });
  }
  return points;
}
