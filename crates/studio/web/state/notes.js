// @ts-check
// Operations on lists of notes. Each returns a new list and leaves the old one unchanged, so that
// undo is cheap.

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Piece} Piece */

/**
 * @param {Note[]} notes
 * @returns {Note[]}
 */
function inOrder(notes) {
  return notes.sort((a, b) => a.start - b.start || a.pitch - b.pitch);
}

/**
 * @param {Note[]} notes
 * @param {Note} note
 */
export function added(notes, note) {
  return inOrder([...notes, note]);
}

/**
 * @param {Note[]} notes
 * @param {Note} note
 */
export function removed(notes, note) {
  return notes.filter((other) => other !== note);
}

/**
 * @param {Note[]} notes
 * @param {Note} note
 * @param {Note} instead
 */
export function replaced(notes, note, instead) {
  return inOrder(notes.map((other) => (other === note ? instead : other)));
}

/**
 * Moves and lengthens a note, within the limits of the piece and the keyboard.
 * @param {Note} note
 * @param {{ steps?: number, semitones?: number, longer?: number }} by
 * @param {number} nSteps
 * @returns {Note}
 */
export function changed(note, { steps = 0, semitones = 0, longer = 0 }, nSteps) {
  const length = Math.min(nSteps, Math.max(1, note.end - note.start + longer));
  const start = Math.min(nSteps - length, Math.max(0, note.start + steps));
  const pitch = Math.min(127, Math.max(0, note.pitch + semitones));
  return { ...note, pitch, start, end: start + length };
}

/**
 * Splits a piece into windows, each starting at step 0; notes that cross a border are shortened.
 * @param {Note[]} notes
 * @param {number} nSteps
 * @param {number} windowSteps
 * @param {number} nVoices number of voices of the model; further voices, which a mix adds, are
 *   dropped
 */
export function byWindow(notes, nSteps, windowSteps, nVoices) {
  return Array.from({ length: Math.max(1, Math.ceil(nSteps / windowSteps)) }, (_, i) => {
    const [from, to] = [i * windowSteps, (i + 1) * windowSteps];
    return notes
      .filter((note) => note.voice < nVoices && note.start >= from && note.start < to)
      .map((note) => ({ ...note, start: note.start - from, end: Math.min(note.end, to) - from }));
  });
}

/**
 * The notes of consecutive windows.
 * @param {{ notes: Note[] }[]} windows
 * @param {number} windowSteps
 */
export function notesOfWindows(windows, windowSteps) {
  return windows.flatMap(({ notes }, i) =>
    notes.map(
      (note) => ({ ...note, start: note.start + i * windowSteps, end: note.end + i * windowSteps }),
    ),
  );
}

/**
 * The mean memberships of windows.
 * @param {{ memberships: import("../types.js").Memberships }[]} windows
 */
export function meanMemberships(windows) {
  /** @type {import("../types.js").Memberships} */
  const mean = {};
  for (const { memberships } of windows) {
    for (const [id, share] of Object.entries(memberships)) {
      mean[id] = (mean[id] ?? 0) + share / windows.length;
    }
  }
  return mean;
}

/**
 * Converts a piece to a take.
 * @param {Piece} piece
 * @param {string} how
 * @param {string} [title]
 * @returns {Take}
 */
export function takeOf(piece, how, title) {
  return {
    id: crypto.randomUUID(),
    title: title ?? piece.title,
    how,
    made: Date.now(),
    n_steps: piece.n_steps,
    qpm: piece.qpm,
    notes: piece.notes,
    windows: piece.windows,
    seed: piece.seed,
    temperature: piece.temperature,
    membership: piece.membership,
    copy: piece.copy,
    favourite: false,
    edited: false,
  };
}

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

/**
 * The name of a key, for example C4.
 * @param {number} pitch
 */
export function noteName(pitch) {
  return `${NAMES[((pitch % 12) + 12) % 12]}${Math.floor(pitch / 12) - 1}`;
}
