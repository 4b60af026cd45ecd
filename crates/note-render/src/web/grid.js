// @ts-check
// The geometry that all piano rolls share: which pitches are shown, and which rows are black keys.

/** Margin above and below the notes, and minimum height of the roll, in semitones. */
const PITCH_MARGIN = 2;
const MIN_SEMITONES = 18;

/**
 * The lowest and highest pitch that is shown for notes between two pitches.
 * @param {number} lowest
 * @param {number} highest lower than `lowest` if there are no notes
 */
export function pitchRange(lowest, highest) {
  const [from, to] = lowest > highest ? [60, 60] : [lowest, highest];
  const missing = Math.max(0, MIN_SEMITONES - (to - from + 1 + 2 * PITCH_MARGIN));
  return {
    low: from - PITCH_MARGIN - Math.floor(missing / 2),
    high: to + PITCH_MARGIN + Math.ceil(missing / 2),
  };
}

/**
 * Whether a pitch is a black key of the piano.
 * @param {number} pitch
 */
export function isBlackKey(pitch) {
  return [1, 3, 6, 8, 10].includes(((pitch % 12) + 12) % 12);
}
