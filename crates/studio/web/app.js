// @ts-check
// What every part of the page shares: the server, what was made, what plays, and words for the person.

import { ApiError, isAbort } from "./api.js";
import { meanMemberships, ofWindows, takeOf } from "./state/notes.js";

/** @typedef {import("./types.js").Take} Take */
/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Window} Window */
/** @typedef {import("./types.js").Style} Style */

/** The page's middle. Events: `say` (a sentence for all), `error` (what went wrong). */
export class App extends EventTarget {
  /** The tempo that the person set; pieces come in their own without it.
   * @type {number | null} */
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
   * Tells the person something, without a stir.
   * @param {string} text
   */
  say(text) {
    this.dispatchEvent(new CustomEvent("say", { detail: text }));
  }

  /**
   * Tells what went wrong.
   * @param {unknown} error
   */
  fail(error) {
    if (isAbort(error)) return;
    // Where the server is gone, a banner says so already.
    if (error instanceof ApiError && error.code === "gone") return;
    const text = error instanceof Error ? error.message : String(error);
    this.dispatchEvent(new CustomEvent("error", { detail: text }));
  }

  /**
   * Does something that may fail, and tells if it did.
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
   * A button that is busy while its work is done.
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
   * Windows, one after the other, as a take.
   * @param {Window[]} windows
   * @param {string} how
   * @param {string} title
   * @param {number | null} [seed]
   */
  takeOfWindows(windows, how, title, seed = null) {
    const steps = this.model.window_steps;
    return this.take(
      {
        title,
        n_steps: windows.length * steps,
        qpm: this.model.qpm,
        notes: ofWindows(windows, steps),
        windows,
        seed,
        temperature: seed === null ? null : this.session.temperature,
        membership: null,
        copy: null,
      },
      how,
    );
  }

  /**
   * Chooses a take and plays it from its start.
   * @param {Take} take
   */
  async play(take) {
    this.history.choose(take);
    this.player.qpm = take.qpm;
    await this.player.play(take);
  }

  /**
   * Chooses a take; it takes over in time from what plays, or begins.
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
    else this.say("Nothing to play yet: click a point on the map, or generate something.");
  }

  /** @param {number} index */
  style(index) {
    return /** @type {Style | undefined} */ (this.session.styles[index]);
  }

  /**
   * The styles that something belongs to, most first: those above a few hundredths.
   * @param {{ memberships: number[] }[]} windows
   * @returns {{ style: Style, share: number }[]}
   */
  belongs(windows) {
    return meanMemberships(windows)
      .map((share, index) => ({ style: this.session.styles[index], share }))
      .filter(({ style, share }) => style && share >= 0.02)
      .sort((a, b) => b.share - a.share);
  }

  /**
   * Where something belongs, in words.
   * @param {{ memberships: number[] }[]} windows
   * @param {number} [n] styles at most
   */
  belongsText(windows, n = 3) {
    return this.belongs(windows)
      .slice(0, n)
      .map(({ style, share }) => `${Math.round(100 * share)} % ${style.name}`)
      .join(" · ");
  }
}
