// @ts-check
// Small piano rolls that show the shape of a piece.

import { canvasOf } from "../dom.js";
import { partColor } from "../ui/theme.js";

/** @typedef {import("../types.js").Note} Note */

/** Minimum number of semitones shown, so that a trill doesn't look like leaps. */
const MIN_SEMITONES = 12;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Note[]} notes
 * @param {number} nSteps
 * @param {string} [ink]
 */
export function drawMini(canvas, notes, nSteps, ink = "") {
  const drawn = canvasOf(canvas);
  if (!drawn || !notes.length) return;
  const { context, width, height } = drawn;
  let [lowest, highest] = [127, 0];
  for (const { pitch } of notes) {
    [lowest, highest] = [Math.min(lowest, pitch), Math.max(highest, pitch)];
  }
  const missing = Math.max(0, MIN_SEMITONES - (highest - lowest + 1)) / 2;
  const [top, range] = [highest + missing, highest - lowest + 1 + 2 * missing];
  const row = (height - 4) / range;
  for (const { pitch, start, end, voice } of notes) {
    context.fillStyle = ink && !voice ? ink : partColor(voice);
    const x = (start / nSteps) * width;
    const wide = Math.max(1.5, ((end - start) / nSteps) * width - 1);
    context.fillRect(x, 2 + (top - pitch) * row, wide, Math.max(1.5, row - 0.5));
  }
}
