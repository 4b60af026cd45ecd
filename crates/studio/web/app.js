// @ts-check
// State and operations shared by all parts of the page: the server, the history, the player, and
// messages.

import { ApiError, isAbort } from "./api.js";
import { inKeys, meanMemberships, notesOfWindows, takeOf } from "./state/notes.js";

/** @typedef {import("./types.js").Take} Take */
/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Window} Window */
/** @typedef {import("./types.js").Style} Style */

/** The center of the page. Events: `announce` (a short message), `error` (an error message). */
export class App extends EventTarget {
  /**
   * The tempo set by the user; `null` to use the tempo of each piece.
   * @type {number | null}
   */
  qpm = null;

  /**
   * @param {import("./state/session.js").Session} session
   * @param {import("./state/history.js").History} history
   * @param {import("./sound/player.js").Player} player
   */
  constructor(session, history, player) {
    super();
    this.session = session;
    this.history = history;
    this.player = player;
    this.api = session.api;
    this.model = session.model;
  }

  /**
   * Shows a short, unobtrusive message.
   * @param {string} text
   */
  announce(text) {
    this.dispatchEvent(new CustomEvent("announce", { detail: text }));
  }

  /**
   * Reports an error.
   * @param {unknown} error
   */
  fail(error) {
    if (isAbort(error)) return;
    // If the server is gone, a banner already says so.
    if (error instanceof ApiError && error.code === "gone") return;
    const text = error instanceof Error ? error.message : String(error);
    this.dispatchEvent(new CustomEvent("error", { detail: text }));
  }

  /**
   * Runs something that may fail, and reports the error if it does.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T | undefined>}
   */
  async attempt(work) {
    try {
      return await work();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /**
   * Marks a button as busy while its work runs.
   * @param {HTMLButtonElement} button
   * @param {() => Promise<unknown>} work
   */
  async busy(button, work) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    await this.attempt(work);
    button.removeAttribute("aria-busy");
  }

  /**
   * @param {Piece} piece
   * @param {string} how
   * @param {string} [title]
   */
  take(piece, how, title) {
    const take = takeOf(piece, how, title);
    if (this.qpm) take.qpm = this.qpm;
    return take;
  }

  /**
   * Makes a take from consecutive windows.
   * @param {Window[]} windows
   * @param {string} how
   * @param {string} title
   * @param {number | null} [seed]
   */
  takeOfWindows(windows, how, title, seed = null) {
    return this.take(
      {
        title,
        n_steps: windows.reduce((sum, { n_steps }) => sum + n_steps, 0),
        qpm: this.model.qpm,
        notes: notesOfWindows(windows),
        windows,
        seed,
        temperature: seed === null ? null : this.session.temperature,
        membership: null,
        copy: null,
        form: null,
      },
      how,
    );
  }

  /**
   * Gives new music the chosen key, instrument and dynamics.
   * @param {Take} take
   */
  shaped(take) {
    const { key, program, velocity } = this.session.shape;
    if (key && this.model.in_one_key) {
      const isDrum = (/** @type {import("./types.js").Note} */ note) => this.player.isDrum(note);
      const keys = take.windows.map((window) => window.key + key);
      take.windows = inKeys(take.windows, keys, isDrum);
      take.notes = take.notes.map(
        (note) => (isDrum(note) ? note : { ...note, pitch: note.pitch + key }),
      );
    }
    if (program !== null) take.program = program;
    if (velocity !== null) take.velocity = velocity;
    return take;
  }

  /**
   * Selects a take and plays it from the start.
   * @param {Take} take
   */
  async play(take) {
    this.history.choose(take);
    this.player.qpm = take.qpm;
    await this.player.play(take);
  }

  /**
   * Selects a take; if something is playing, the take replaces it in time with the beat.
   * @param {Take} take
   */
  async swap(take) {
    this.history.choose(take);
    if (this.player.qpm !== take.qpm) this.player.qpm = take.qpm;
    await this.player.swap(take);
  }

  async startOrStop() {
    if (this.player.isPlaying) this.player.stop();
    else if (this.history.current) await this.play(this.history.current);
    else this.announce("Nothing to play yet. Touch the map, or generate something.");
  }

  /**
   * The styles to which windows belong, most probable first, without those below 2 %.
   * @param {{ memberships: import("./types.js").Memberships }[]} windows
   * @returns {{ style: Style, share: number }[]}
   */
  stylesOf(windows) {
    const shares = meanMemberships(windows);
    return this.session.styles
      .map((style) => ({ style, share: shares[style.id] ?? 0 }))
      .filter(({ share }) => share >= 0.02)
      .sort((a, b) => b.share - a.share);
  }

  /**
   * The styles to which windows belong, in words.
   * @param {{ memberships: import("./types.js").Memberships }[]} windows
   * @param {number} [n] maximum number of styles
   */
  stylesText(windows, n = 3) {
    return this.stylesOf(windows)
      .slice(0, n)
      .map(({ style, share }) => `${Math.round(100 * share)} % ${style.name}`)
      .join(" · ");
  }
}
