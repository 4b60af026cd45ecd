// @ts-check
// Everything that was made, the selection, and the edits: every change can be undone and redone.

/** @typedef {import("../types.js").Take} Take */
/** @typedef {{ label: string, undo: () => void, redo: () => void }} Step */

/** Maximum number of steps that can be undone. */
const MAX_UNDO = 200;

/**
 * Events: `change` (of the list, or of a take in it), `current` (the selection or its notes
 * changed).
 */
export class History extends EventTarget {
  /** @type {Take[]} newest first */
  #takes = [];
  /** @type {Take | null} */
  #current = null;
  /** @type {Step[]} */
  #done = [];
  /** @type {Step[]} */
  #undone = [];

  get takes() {
    return this.#takes;
  }

  /**
   * The selected take; not always in the list, for example while listening to a training window.
   */
  get current() {
    return this.#current;
  }

  get undoable() {
    return this.#done[this.#done.length - 1]?.label ?? null;
  }

  get redoable() {
    return this.#undone[this.#undone.length - 1]?.label ?? null;
  }

  /**
   * Adds takes; the first one is selected by default.
   * @param {Take[]} takes
   * @param {{ choose?: boolean, before?: Take | null }} [options] `before`: what undo returns to
   */
  add(takes, { choose = true, before = this.#current } = {}) {
    if (!takes.length) return;
    this.#list(takes);
    if (!choose) {
      this.#changed();
      return;
    }
    this.#do({
      label: `“${takes[0].title}”`,
      undo: () => this.#choose(before),
      redo: () => this.#choose(takes[0]),
    });
  }

  /** @param {Take | null} take */
  choose(take) {
    if (take !== this.#current) this.#choose(take);
  }

  /**
   * Changes properties of a take, for example its notes.
   * @param {Take} take
   * @param {Partial<Take>} change
   * @param {string} label
   */
  edit(take, change, label) {
    const keys = /** @type {(keyof Take)[]} */ (Object.keys(change));
    const before = Object.fromEntries(keys.map((key) => [key, take[key]]));
    const wasListed = this.#takes.includes(take);
    this.#do({
      label,
      undo: () => this.#assign(take, before, wasListed),
      redo: () => this.#assign(take, change, true),
    });
  }

  /**
   * Stores a consequence of an edit, for example the new latents of the notes, without an undo
   * step.
   * @param {Take} take
   * @param {Partial<Take>} change
   */
  amend(take, change) {
    Object.assign(take, change);
    this.#changed();
  }

  /**
   * Merges takes that were stored earlier or by another page, without an undo step. Those with a
   * known id are changed in place; others are inserted by the time when they were made.
   * @param {Take[]} takes newest first
   * @param {string[]} removed ids
   */
  merge(takes, removed) {
    const known = new Map(this.#takes.map((take) => [take.id, take]));
    /** @type {Take[]} */
    const fresh = [];
    for (const take of takes) {
      const own = known.get(take.id);
      if (own) Object.assign(own, take);
      else fresh.push(take);
      if (own && own === this.#current) this.#choose(own);
    }
    const others = this.#takes.filter(({ id }) => !removed.includes(id));
    /** @type {Take[]} */
    const merged = [];
    for (const take of others) {
      while (fresh.length && fresh[0].made > take.made) merged.push(...fresh.splice(0, 1));
      merged.push(take);
    }
    this.#takes = [...merged, ...fresh];
    this.#changed();
  }

  /** @param {Take} take */
  remove(take) {
    const place = this.#takes.indexOf(take);
    const wasCurrent = this.#current === take;
    this.#do({
      label: `removing “${take.title}”`,
      undo: () => {
        this.#takes.splice(Math.max(0, place), 0, take);
        if (wasCurrent) this.#choose(take);
      },
      redo: () => {
        this.#takes = this.#takes.filter((other) => other !== take);
        if (wasCurrent) this.#choose(this.#takes[Math.min(place, this.#takes.length - 1)] ?? null);
      },
    });
  }

  /**
   * Adds a step that has already been done, for example on the server.
   * @param {Step} step
   */
  record(step) {
    this.#done.push(step);
    this.#undone = [];
    this.#changed();
  }

  undo() {
    const step = this.#done.pop();
    if (!step) return null;
    this.#undone.push(step);
    step.undo();
    this.#changed();
    return step.label;
  }

  redo() {
    const step = this.#undone.pop();
    if (!step) return null;
    this.#done.push(step);
    step.redo();
    this.#changed();
    return step.label;
  }

  /**
   * The take next to the selected one in the list.
   * @param {number} by
   */
  adjacent(by) {
    const place = this.#current ? this.#takes.indexOf(this.#current) : -1;
    return this.#takes[Math.min(this.#takes.length - 1, Math.max(0, place + by))] ?? null;
  }

  /** @param {Step} step */
  #do(step) {
    step.redo();
    this.#done.push(step);
    if (this.#done.length > MAX_UNDO) this.#done.shift();
    this.#undone = [];
    this.#changed();
  }

  /** @param {Take[]} takes */
  #list(takes) {
    const fresh = takes.filter((take) => !this.#takes.includes(take));
    this.#takes = [...fresh, ...this.#takes];
  }

  /**
   * @param {Take} take
   * @param {Partial<Take>} change
   * @param {boolean} isListed
   */
  #assign(take, change, isListed) {
    Object.assign(take, change);
    if (isListed) this.#list([take]);
    else this.#takes = this.#takes.filter((other) => other !== take);
    this.#choose(take);
  }

  /** @param {Take | null} take */
  #choose(take) {
    this.#current = take;
    this.dispatchEvent(new Event("current"));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
