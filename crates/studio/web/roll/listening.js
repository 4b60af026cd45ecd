// @ts-check
// What the model makes of an edited piece: its place, its styles, and the notes as the model would write them.

import { Latest } from "../api.js";
import { byWindow, ofWindows } from "../state/notes.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/** Milliseconds after the last edit until the model is asked. */
const REST = 300;

/** Events: `heard` (there is an answer, or it is shown or hidden). */
export class Listening extends EventTarget {
  #app;
  /** Answers, to the notes that were asked about.
   * @type {WeakMap<Note[], { windows: Window[], reconstruction: Window[] }>} */
  #heard = new WeakMap();
  #isShown = false;
  #timer = 0;
  #latest;

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#latest = new Latest((take, signal) => this.#ask(take, signal), (error) => app.fail(error));
    app.history.addEventListener("current", () => {
      const take = app.history.current;
      if (!take) return;
      // Undone and done again: the answer is known already.
      if (take.edited && this.#heard.has(take.notes)) this.#take(take);
      if (this.#isShown) this.#later(take);
    });
  }

  /** Whether the model's version is drawn into the roll. */
  get isShown() {
    return this.#isShown;
  }

  set isShown(value) {
    this.#isShown = value;
    if (value && this.#app.history.current) this.#later(this.#app.history.current, 0);
    this.dispatchEvent(new Event("heard"));
  }

  /**
   * The notes as the model would write them, where it was asked.
   * @param {Take} take
   */
  ghosts(take) {
    const heard = this.#isShown ? this.#heard.get(take.notes) : undefined;
    return heard ? ofWindows(heard.reconstruction, this.#app.model.window_steps) : [];
  }

  /**
   * A take was edited.
   * @param {Take} take
   */
  changed(take) {
    this.#later(take);
  }

  /**
   * @param {Take} take
   * @param {number} [rest]
   */
  #later(take, rest = REST) {
    clearTimeout(this.#timer);
    if (this.#heard.has(take.notes)) return;
    this.#timer = Number(setTimeout(() => this.#latest.want(take), rest));
  }

  /**
   * @param {Take} take
   * @param {AbortSignal} signal
   */
  async #ask(take, signal) {
    const { api, model } = this.#app;
    const { notes } = take;
    const windows = byWindow(notes, take.n_steps, model.window_steps, Math.max(1, model.voices.length)).map((notes) => ({ notes }));
    if (windows.length > model.limits.n_windows) return;
    /** @type {{ windows: Window[], reconstruction: Window[] }} */
    const answer = await api.post("/encode", { windows }, signal);
    this.#heard.set(notes, answer);
    if (take.notes === notes && take.edited) {
      this.#take(take);
      this.#app.say(`The model hears ${this.#app.belongsText(answer.windows)}`);
    }
    this.dispatchEvent(new Event("heard"));
  }

  /**
   * Notes down where the edited take belongs now.
   * @param {Take} take
   */
  #take(take) {
    const windows = this.#heard.get(take.notes)?.windows;
    if (windows && take.windows !== windows) this.#app.history.amend(take, { windows, membership: null, copy: null });
  }

  /** Keeps the model's version of the chosen piece as a piece of its own, and plays it. */
  async keep() {
    const take = this.#app.history.current;
    if (!take) return;
    if (!this.#heard.has(take.notes)) await this.#ask(take, new AbortController().signal);
    const heard = this.#heard.get(take.notes);
    if (!heard) throw new Error("The model takes no pieces of this length.");
    const kept = this.#app.takeOfWindows(heard.reconstruction, `The model's version of “${take.title}”`, `${take.title}, as the model hears it`);
    kept.qpm = take.qpm;
    this.#app.history.add([kept]);
    await this.#app.swap(kept);
  }
}
