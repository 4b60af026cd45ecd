// @ts-check
// All that was made, what is chosen of it, and what was done to it: every change can be undone and done again.

/** @typedef {import("../types.js").Take} Take */
/** @typedef {{ label: string, undo: () => void, redo: () => void }} Step */

/** Steps that can be undone. */
const DEPTH = 200;
/** Takes that are kept; favourites are kept beyond. */
const KEPT = 300;

/** Events: `change` (of the list, or of a take in it), `current` (another take is chosen, or its notes changed). */
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

  /** What is chosen; not always in the list, such as a window of the training music that is only listened to. */
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
   * Takes up what was made; the first is chosen unless told otherwise.
   * @param {Take[]} takes
   * @param {{ choose?: boolean, before?: Take | null }} [options] `before`: what undo goes back to
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
   * Changes the chosen take's notes, or another of its properties.
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
   * Notes down what follows from an edit, such as where the model places the new notes: no step of its own.
   * @param {Take} take
   * @param {Partial<Take>} change
   */
  amend(take, change) {
    Object.assign(take, change);
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
   * The take before or after the chosen one in the list.
   * @param {number} by
   */
  neighbour(by) {
    const place = this.#current ? this.#takes.indexOf(this.#current) : -1;
    return this.#takes[Math.min(this.#takes.length - 1, Math.max(0, place + by))] ?? null;
  }

  /** @param {Step} step */
  #do(step) {
    step.redo();
    this.#done.push(step);
    if (this.#done.length > DEPTH) this.#done.shift();
    this.#undone = [];
    this.#changed();
  }

  /** @param {Take[]} takes */
  #list(takes) {
    const fresh = takes.filter((take) => !this.#takes.includes(take));
    this.#takes = [...fresh, ...this.#takes].filter((take, i) => i < KEPT || take.favourite);
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
