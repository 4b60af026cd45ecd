// @ts-check
// Keeps all pieces across reloads, pages and browsers: the server stores them, per model. Pieces
// that can't be stored are reported.

import { loadSetting } from "../ui/theme.js";
import { openProject } from "./project.js";
import { Store } from "./store.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("./history.js").History} History */
/** @typedef {import("../types.js").Take} Take */

/** The key under which earlier versions of the page stored the latest pieces. */
const EARLIER = "controlgen.history";
/** Milliseconds from the last edit to when it is stored. */
const DELAY = 150;

/**
 * Restores the stored pieces, and stores changes.
 * @param {App} app
 */
export async function startAutosave(app) {
  try {
    const autosave = new Autosave(app, await Store.open(app.api, app.model));
    await autosave.restore();
  } catch (error) {
    const why = error instanceof Error ? ` (${error.message})` : "";
    app.fail(
      new Error(
        `Your pieces can't be read${why}, and new ones may be lost when the page is closed. Save ` +
          "them as a project in History.",
      ),
    );
  }
}

class Autosave {
  #app;
  #history;
  #store;
  /**
   * What is stored of each piece, by its id.
   * @type {Map<string, { copy: Take, order: number }>}
   */
  #stored = new Map();
  #lastOrder = 0;
  #timer = 0;
  #isWriting = false;

  /**
   * @param {App} app
   * @param {Store} store
   */
  constructor(app, store) {
    this.#app = app;
    this.#history = app.history;
    this.#store = store;
    store.addEventListener("news", () => app.attempt(() => this.#merge()));
    this.#history.addEventListener("change", () => {
      clearTimeout(this.#timer);
      // New pieces are stored immediately, because a page that is being closed may have no time;
      // edits come in quick succession, so they are stored together.
      const isNew = this.#history.takes.some(({ id }) => !this.#stored.has(id));
      this.#timer = Number(setTimeout(() => this.#write(), isNew ? 0 : DELAY));
    });
    const flush = () => {
      if (this.#timer) this.#write();
    };
    document.addEventListener("visibilitychange", flush);
    addEventListener("pagehide", flush);
  }

  async restore() {
    const { pieces, unreadable } = await this.#store.all();
    for (const { take, order } of pieces) this.#know(take, order);
    this.#history.merge(pieces.map(({ take }) => take), []);
    if (unreadable.length) {
      const n = unreadable.length === 1 ? "A kept piece" : `${unreadable.length} kept pieces`;
      this.#app.fail(new Error(`${n} can't be read, and stays as it is: ${unreadable.join(", ")}`));
    }
    const kept = loadSetting(EARLIER);
    if (!kept) return;
    try {
      const { takes, isOtherModel } = openProject(kept, this.#app.model);
      if (isOtherModel) return;
      this.#history.merge(takes.filter(({ id }) => !this.#stored.has(id)), []);
      await this.#write();
      localStorage.removeItem(EARLIER);
    } catch {
      // Truncated: there is nothing to restore.
    }
  }

  /**
   * @param {Take} take
   * @param {number} order
   */
  #know(take, order) {
    this.#stored.set(take.id, { copy: { ...take }, order });
    this.#lastOrder = Math.max(this.#lastOrder, order);
  }

  /** Stores what changed since the last time. */
  async #write() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    // The rest is written when this is done.
    if (this.#isWriting) return;
    const { takes } = this.#history;
    const here = new Set(takes.map(({ id }) => id));
    const removed = [...this.#stored.keys()].filter((id) => !here.has(id));
    const changed = takes.filter((take) => isChanged(take, this.#stored.get(take.id)?.copy));
    if (!removed.length && !changed.length) return;
    // Takes are listed newest first.
    let next = Math.max(this.#lastOrder, Date.now()) + changed.length;
    this.#lastOrder = next;
    const records = changed.map((take) => ({
      take: { ...take }, order: this.#stored.get(take.id)?.order ?? next--,
    }));
    this.#isWriting = true;
    try {
      await this.#store.write(records, removed);
      for (const { take, order } of records) this.#know(take, order);
      for (const id of removed) this.#stored.delete(id);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const n = changed.length;
      const what = n === 1 ? "the last piece is" : `the last ${n} pieces are`;
      this.#app.fail(
        new Error(
          `${why}. So ${what} lost when this page is closed. Save everything as a project in ` +
            "History, then remove what you no longer need.",
        ),
      );
      return;
    } finally {
      this.#isWriting = false;
    }
    await this.#write();
  }

  /** Merges what other pages stored. Changes of this page that are not stored yet are kept. */
  async #merge() {
    const { changed, removed } = await this.#store.news();
    if (!changed.length && !removed.length) return;
    const own = new Map(this.#history.takes.map((take) => [take.id, take]));
    const isOwn = (/** @type {string} */ id) => {
      const take = own.get(id);
      return take !== undefined && isChanged(take, this.#stored.get(id)?.copy);
    };
    const fresh = changed.filter(({ take: { id } }) => !isOwn(id));
    const gone = removed.filter((id) => !isOwn(id));
    for (const { take, order } of fresh) this.#know(take, order);
    for (const id of gone) this.#stored.delete(id);
    this.#history.merge(fresh.map(({ take }) => take), gone);
  }
}

/**
 * @param {Take} take
 * @param {Take | undefined} stored
 */
function isChanged(take, stored) {
  if (!stored) return true;
  const keys = /** @type {(keyof Take)[]} */ (Object.keys(take));
  return keys.some((key) => take[key] !== stored[key]);
}
