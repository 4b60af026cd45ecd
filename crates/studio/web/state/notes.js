// @ts-check
// Operations on lists of notes. Each returns a new list and leaves the old one unchanged, so that
// undo is cheap.

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Window} Window */

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
 * @param {Note[]} more
 */
export function allAdded(notes, more) {
  return inOrder([...notes, ...more]);
}

/**
 * @param {Note[]} notes
 * @param {Note[]} old
 * @param {Note[]} instead one for each of `old`
 */
export function allReplaced(notes, old, instead) {
  const by = new Map(old.map((note, i) => [note, instead[i]]));
  return inOrder(notes.map((note) => by.get(note) ?? note));
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function within(value, low, high) {
  return Math.min(Math.max(value, Math.min(0, low)), Math.max(0, high));
}

/** @typedef {{ steps?: number, semitones?: number, longer?: number }} Change */

/**
 * Moves and lengthens notes together, as far as all of them stay within the piece and the keyboard.
 * @param {Note[]} notes
 * @param {Change} by
 * @param {number} nSteps
 * @returns {Note[]}
 */
export function allChanged(notes, { steps = 0, semitones = 0, longer = 0 }, nSteps) {
  const values = (/** @type {(note: Note) => number} */ of) => notes.map(of);
  const moved = within(
    steps,
    -Math.min(...values(({ start }) => start)),
    nSteps - Math.max(...values(({ end }) => end)),
  );
  const raised = within(
    semitones,
    -Math.min(...values(({ pitch }) => pitch)),
    127 - Math.max(...values(({ pitch }) => pitch)),
  );
  return notes.map((note) => {
    const start = note.start + moved;
    const end = Math.min(nSteps, Math.max(start + 1, note.end + moved + longer));
    return { ...note, pitch: note.pitch + raised, start, end };
  });
}

/**
 * The lengths of the windows of a piece in steps, which depend on its meter. Pieces without
 * windows, and those stored before windows had a length, have windows of the model's usual length.
 * @param {{ n_steps: number, windows: { n_steps?: number }[] }} piece
 * @param {number} usual
 */
export function windowSteps({ n_steps, windows }, usual) {
  const own = windows.map((window) => window.n_steps ?? usual);
  if (own.length && own.reduce((sum, n) => sum + n, 0) === n_steps) return own;
  return Array.from({ length: Math.max(1, Math.ceil(n_steps / usual)) }, () => usual);
}

/**
 * Splits notes into stretches of given lengths, each starting at step 0; notes that cross a border
 * are shortened.
 * @param {Note[]} notes
 * @param {number[]} lengths
 */
export function split(notes, lengths) {
  let to = 0;
  return lengths.map((length) => {
    const from = to;
    to += length;
    return notes
      .filter((note) => note.start >= from && note.start < to)
      .map((note) => ({ ...note, start: note.start - from, end: Math.min(note.end, to) - from }));
  });
}

/**
 * The notes of consecutive stretches.
 * @param {{ notes: Note[], n_steps: number }[]} stretches
 */
export function notesOfWindows(stretches) {
  let from = 0;
  return stretches.flatMap(({ notes, n_steps }) => {
    const start = from;
    from += n_steps;
    return notes.map((note) => ({ ...note, start: note.start + start, end: note.end + start }));
  });
}

/**
 * Transposes windows to the given keys, in semitones above that of their tokens; drums are
 * unchanged.
 * @param {Window[]} windows
 * @param {number[]} keys one for each window
 * @param {(note: Note) => boolean} isDrum
 * @returns {Window[]}
 */
export function inKeys(windows, keys, isDrum) {
  return windows.map((window, i) => {
    const by = keys[i] - (window.key ?? 0);
    if (!by) return window;
    const notes = window.notes.map(
      (note) => (isDrum(note) ? note : { ...note, pitch: note.pitch + by }),
    );
    return { ...window, notes, key: keys[i] };
  });
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
