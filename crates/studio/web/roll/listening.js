// @ts-check
// The model's view of an edited piece: its latents, its styles, and its reconstruction.

import { LatestRequest } from "../api.js";
import { inKeys, notesOfWindows, split, windowSteps } from "../state/notes.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/** Milliseconds after the last edit until the edited piece is encoded. */
const DELAY = 300;

/** Events: `heard` (a response arrived, or it is shown or hidden). */
export class Listening extends EventTarget {
  #app;
  /**
   * Responses, by the notes that were sent.
   * @type {WeakMap<Note[], { windows: Window[], reconstruction: Window[] }>}
   */
  #responses = new WeakMap();
  #isShown = false;
  #timer = 0;
  #latest;

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#latest = new LatestRequest(
      (take, signal) => this.#ask(take, signal),
      (error) => app.fail(error),
    );
    app.history.addEventListener("current", () => {
      const take = app.history.current;
      if (!take) return;
      // After undo or redo, the response is already known.
      if (take.edited && this.#responses.has(take.notes)) this.#store(take);
      if (this.#isShown) this.#schedule(take);
    });
  }

  /** Whether the model's version is drawn in the piano roll. */
  get isShown() {
    return this.#isShown;
  }

  set isShown(value) {
    this.#isShown = value;
    if (value && this.#app.history.current) this.#schedule(this.#app.history.current, 0);
    this.dispatchEvent(new Event("heard"));
  }

  /**
   * The model's version of the notes, if it is known.
   * @param {Take} take
   */
  ghosts(take) {
    const heard = this.#isShown ? this.#responses.get(take.notes) : undefined;
    return heard ? notesOfWindows(heard.reconstruction) : [];
  }

  /**
   * Handles an edit of a take.
   * @param {Take} take
   */
  changed(take) {
    this.#schedule(take);
  }

  /**
   * @param {Take} take
   * @param {number} [delay]
   */
  #schedule(take, delay = DELAY) {
    clearTimeout(this.#timer);
    if (this.#responses.has(take.notes)) return;
    this.#timer = Number(setTimeout(() => this.#latest.send(take), delay));
  }

  /**
   * @param {Take} take
   * @param {AbortSignal} signal
   */
  async #ask(take, signal) {
    const { api, model } = this.#app;
    const { notes } = take;
    // Additional voices, as in a mix, don't belong to the model.
    const nVoices = Math.max(1, model.voices.length);
    const stretches = split(
      notes.filter(({ voice }) => voice < nVoices),
      windowSteps(take, model.window_steps),
    );
    if (stretches.length > model.limits.n_windows) return;
    // The model reads music in its own key.
    const isDrum = (/** @type {Note} */ note) => this.#app.player.isDrum(note);
    const keys = stretches.map((_, i) => take.windows[i]?.key ?? 0);
    const windows = stretches.map((notes, i) => ({
      notes: notes.map(
        (note) => (isDrum(note) ? note : { ...note, pitch: note.pitch - keys[i] }),
      ),
    }));
    const like = take.windows[0]?.tokens;
    /** @type {{ windows: Window[], reconstruction: Window[] }} */
    const found = await api.post("/encode", { windows, ...(like ? { like } : {}) }, signal);
    const response = {
      windows: inKeys(found.windows, keys, isDrum),
      reconstruction: inKeys(found.reconstruction, keys, isDrum),
    };
    this.#responses.set(notes, response);
    if (take.notes === notes && take.edited) {
      this.#store(take);
      this.#app.announce(`The model hears ${this.#app.stylesText(response.windows)}`);
    }
    this.dispatchEvent(new Event("heard"));
  }

  /**
   * Stores the styles of the edited take.
   * @param {Take} take
   */
  #store(take) {
    const windows = this.#responses.get(take.notes)?.windows;
    if (windows && take.windows !== windows) {
      this.#app.history.amend(take, { windows, membership: null, copy: null });
    }
  }

  /** Adds the model's version of the selected piece as a new piece, and plays it. */
  async keep() {
    const take = this.#app.history.current;
    if (!take) return;
    if (!this.#responses.has(take.notes)) await this.#ask(take, new AbortController().signal);
    const heard = this.#responses.get(take.notes);
    if (!heard) throw new Error("The model can't take pieces of this length.");
    const kept = this.#app.takeOfWindows(
      heard.reconstruction,
      `The model's version of “${take.title}”`,
      `${take.title}, as the model hears it`,
    );
    kept.qpm = take.qpm;
    this.#app.history.add([kept]);
    await this.#app.swap(kept);
  }
}
