// @ts-check
// The plane of an invertible projection, and drawn lines.

/** @typedef {import("../types.js").Point} Point */
/** @typedef {{ mean: number[], axes: [number[], number[]] }} Inverse */

/**
 * The position of a latent vector.
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
 * Resamples a drawn line to points at even distances.
 * @param {Point[]} line
 * @param {number} n maximum number of points
 * @returns {Point[]}
 */
export function resampled(line, n) {
  const lengths = [0];
  for (let i = 1; i < line.length; i++) {
    lengths.push(lengths[i - 1] + Math.hypot(line[i].x - line[i - 1].x, line[i].y - line[i - 1].y));
  }
  const total = lengths[lengths.length - 1];
  if (line.length < 2 || total === 0) return line.slice(0, 1);
  /** @type {Point[]} */
  const points = [];
  let i = 1;
  for (let k = 0; k < n; k++) {
    const length = (total * k) / (n - 1);
    while (i < line.length - 1 && lengths[i] < length) i++;
    const t = (length - lengths[i - 1]) / Math.max(1e-12, lengths[i] - lengths[i - 1]);
    points.push({
      x: line[i - 1].x + t * (line[i].x - line[i - 1].x),
      y: line[i - 1].y + t * (line[i].y - line[i - 1].y),
    });
  }
  return points;
}
