// @ts-check
// The sections of a piece and operations on them. Each operation returns the changes, and leaves
// the piece unchanged.

import { inKeys, notesOfWindows, split, windowSteps } from "./notes.js";

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Section} Section */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/**
 * The names of sections by the letters of a form, `ABA'B`.
 * @param {string} form
 */
export function lettersOf(form) {
  return form.match(/[A-Z]\d*'*\d*/g) ?? [];
}

/**
 * The sections of a new piece: those of the requested form, or a section for each window
 * with the letters of the form it has.
 * @param {string} asked
 * @param {string | null} form
 * @param {number} nWindows
 * @returns {Section[]}
 */
export function sectionsOfForm(asked, form, nWindows) {
  const letters = /^([A-Z]'*)+$/.test(asked) ? lettersOf(asked) : [];
  if (letters.length && nWindows % letters.length === 0) {
    return letters.map((name) => ({ name, n: nWindows / letters.length }));
  }
  const own = lettersOf(form ?? "");
  return own.length === nWindows ? own.map((name) => ({ name, n: 1 })) : unnamed(nWindows);
}

/** @param {number} n */
function unnamed(n) {
  return Array.from({ length: n }, (_, i) => ({ name: letter(i), n: 1 }));
}

/** @param {number} i */
function letter(i) {
  const turn = Math.floor(i / 26);
  return String.fromCharCode(65 + (i % 26)) + (turn ? String(turn + 1) : "");
}

/**
 * The sections of a piece; by default, each window is one.
 * @param {Take} take
 * @returns {Section[]}
 */
export function sectionsOf({ sections, windows }) {
  const n = sections?.reduce((sum, section) => sum + section.n, 0);
  return sections && n === windows.length ? sections : unnamed(windows.length);
}

/**
 * @param {Section[]} sections
 * @param {number} i
 */
export function windowsBefore(sections, i) {
  return sections.slice(0, i).reduce((sum, { n }) => sum + n, 0);
}

/**
 * Assembles a piece from its sections in another order.
 * @param {Take} take
 * @param {{ section: Section, from: number }[]} order sections, and where each begins in the piece,
 *   in windows
 * @returns {Partial<Take>}
 */
function arranged(take, order) {
  const usual = take.n_steps / Math.max(1, take.windows.length);
  const steps = windowSteps(take, usual);
  const notes = split(take.notes, steps);
  const numbers = order.flatMap(({ section, from }) =>
    Array.from({ length: section.n }, (_, at) => from + at));
  const stretches = numbers.map((at) => ({ notes: notes[at], n_steps: steps[at] }));
  return {
    sections: order.map(({ section }) => section),
    windows: numbers.map((at) => take.windows[at]),
    notes: notesOfWindows(stretches),
    n_steps: stretches.reduce((sum, { n_steps }) => sum + n_steps, 0),
    copy: null,
  };
}

/** @param {Take} take */
function inOrder(take) {
  const sections = sectionsOf(take);
  return sections.map((section, i) => ({ section, from: windowsBefore(sections, i) }));
}

/**
 * @param {Take} take
 * @param {number} from
 * @param {number} to its number afterwards
 */
export function moved(take, from, to) {
  const order = inOrder(take);
  const [section] = order.splice(from, 1);
  order.splice(to, 0, section);
  return arranged(take, order);
}

/**
 * @param {Take} take
 * @param {number} i
 */
export function doubled(take, i) {
  const order = inOrder(take);
  order.splice(i + 1, 0, order[i]);
  return arranged(take, order);
}

/**
 * @param {Take} take
 * @param {number} i
 */
export function removed(take, i) {
  return arranged(take, inOrder(take).filter((_, at) => at !== i));
}

/**
 * Replaces windows of a piece by others, which sound in the keys of those they replace.
 * @param {Take} take
 * @param {number[]} numbers
 * @param {Window[]} instead
 * @param {(note: Note) => boolean} isDrum
 * @returns {Partial<Take>}
 */
export function replaced(take, numbers, instead, isDrum) {
  const steps = windowSteps(take, take.n_steps / take.windows.length);
  const notes = split(take.notes, steps);
  const windows = [...take.windows];
  const stretches = notes.map((notes, i) => ({ notes, n_steps: steps[i] }));
  const keys = numbers.map((at) => take.windows[at].key ?? 0);
  inKeys(instead, keys, isDrum).forEach((window, i) => {
    windows[numbers[i]] = window;
    stretches[numbers[i]] = window;
  });
  return {
    windows,
    notes: notesOfWindows(stretches),
    n_steps: stretches.reduce((sum, { n_steps }) => sum + n_steps, 0),
    membership: null,
    copy: null,
  };
}

/**
 * Names of redrawn sections: a new letter, or another variation of the same letter.
 * @param {Section[]} sections
 * @param {number[]} which
 * @param {boolean} areVaried
 */
export function namesAfter(sections, which, areVaried) {
  const used = new Set(sections.map(({ name }) => name));
  const fresh = (/** @type {(i: number) => string} */ name) => {
    let i = 0;
    while (used.has(name(i))) i++;
    used.add(name(i));
    return name(i);
  };
  return which.map((at) => {
    const [base] = sections[at].name.split("'");
    if (areVaried) return fresh((i) => `${base}${"'".repeat(i + 1)}`);
    // Not a letter that only has variations here.
    const letters = new Set([...used].map((name) => name.split("'")[0]));
    let i = 0;
    while (letters.has(letter(i))) i++;
    used.add(letter(i));
    return letter(i);
  });
}
