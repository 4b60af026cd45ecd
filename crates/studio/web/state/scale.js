// @ts-check
// The scale of a piece, and notes that keep to it.

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */

/** Semitones of the major scale; the natural minor scale has those of the major third above. */
const MAJOR = [0, 2, 4, 5, 7, 9, 11];

/** Names of keys by the semitones of their tonic above C: major, and minor with the same scale. */
export const KEYS = /** @type {[number, string][]} */ ([
  [0, "C / Am"], [1, "D♭ / B♭m"], [2, "D / Bm"], [3, "E♭ / Cm"], [4, "E / C♯m"], [5, "F / Dm"],
  [6, "F♯ / D♯m"], [-5, "G / Em"], [-4, "A♭ / Fm"], [-3, "A / F♯m"], [-2, "B♭ / Gm"],
  [-1, "B / G♯m"],
]);

/**
 * The tonic of the major scale that contains most of the sounding time, or that of the piece's key
 * if the model's music has one.
 * @param {Take} take
 * @param {boolean} hasKey
 * @param {(note: Note) => boolean} isDrum
 */
export function tonicOf(take, hasKey, isDrum) {
  if (hasKey && take.windows.length) return (((take.windows[0].key ?? 0) % 12) + 12) % 12;
  const time = new Array(12).fill(0);
  for (const note of take.notes) if (!isDrum(note)) time[note.pitch % 12] += note.end - note.start;
  const inScale = (/** @type {number} */ tonic) =>
    MAJOR.reduce((sum, tone) => sum + time[(tonic + tone) % 12], 0);
  return time.reduce((best, _, tonic) => (inScale(tonic) > inScale(best) ? tonic : best), 0);
}

/**
 * The nearest pitch in a major scale, in a direction; with 0, the lower of both neighbors.
 * @param {number} pitch
 * @param {number} tonic
 * @param {number} [direction]
 */
export function inScale(pitch, tonic, direction = 0) {
  const isIn = (/** @type {number} */ value) => MAJOR.includes((((value - tonic) % 12) + 12) % 12);
  if (isIn(pitch)) return pitch;
  // Both neighbors of a pitch outside the scale are in the scale.
  const next = direction > 0 ? pitch + 1 : pitch - 1;
  return next >= 0 && next <= 127 ? next : pitch;
}
