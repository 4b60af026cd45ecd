// @ts-check
// Stores pieces on the server, in the user's data folder, so that they outlive this browser.
// Changes that the server can't store at the moment wait in the browser's database, IndexedDB.

import { ApiError } from "../api.js";
import { takeFrom } from "./project.js";

/** @typedef {import("../api.js").Api} Api */
/** @typedef {import("../types.js").Model} Model */
/** @typedef {import("../types.js").Take} Take */
/**
 * A piece as it is stored. `order` is larger for newer pieces.
 * @typedef {{ take: Take, order: number }} Stored
 */
/**
 * A change that waits in the browser's database. `take` is `null` for a piece that was removed.
 * @typedef {{ key: string, model: string, id: string, order: number, take: Take | null }} Waiting
 */
/**
 * @typedef {object} News
 * @property {number} epoch
 * @property {number} revision
 * @property {{ id: string, order: number, piece: unknown }[]} pieces
 * @property {string[]} removed
 * @property {string[]} unreadable
 */

const DATABASE = "controlgen.studio";
const PIECES = "pieces";
/**
 * Maximum total length of pieces sent in one request, in characters, unless it is a single piece.
 */
const MAX_SENT = 1_000_000;

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const request = indexedDB.open(DATABASE, 1);
  request.addEventListener("upgradeneeded", () => {
    const pieces = request.result.createObjectStore(PIECES, { keyPath: "key" });
    pieces.createIndex("model", "model");
  });
  return resultOf(request);
}

/** Why pieces can't be kept anywhere. */
export class NotKept extends Error {}

/** Pieces of one model. Events: `news` (another page may have changed pieces). */
export class Store extends EventTarget {
  #api;
  #model;
  /** @type {IDBDatabase | null} */
  #database;
  #others = new BroadcastChannel(DATABASE);
  /** @type {{ epoch: number, revision: number } | null} */
  #seen = null;
  #isDelivering = false;
  #hasMore = false;
  /** Why the server does not keep pieces, if it doesn't. */
  refusal = "";

  /**
   * @param {Api} api
   * @param {Model} model
   * @param {IDBDatabase | null} database
   */
  constructor(api, model, database) {
    super();
    this.#api = api;
    this.#model = model;
    this.#database = database;
    // Another page opens a later version of the database.
    database?.addEventListener("versionchange", () => database.close());
    const news = () => this.dispatchEvent(new Event("news"));
    this.#others.addEventListener("message", ({ data }) => {
      if (data === model.hash) news();
    });
    // Other browsers can't notify this page, so it checks for changes when the user returns to it.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) news();
    });
    addEventListener("focus", news);
    api.addEventListener("back", () => {
      this.#deliver();
      news();
    });
  }

  /**
   * @param {Api} api
   * @param {Model} model
   */
  static async open(api, model) {
    const database = await openDatabase().catch(() => null);
    return new Store(api, model, database);
  }

  /**
   * All pieces, newest first, and what could not be read.
   * @returns {Promise<{ pieces: Stored[], unreadable: string[] }>}
   */
  async all() {
    const waiting = await this.#waiting();
    const news = await this.#news();
    const pieces = new Map(news.changed.map((stored) => [stored.take.id, stored]));
    for (const { id, order, take } of waiting) {
      if (take) pieces.set(id, { take, order });
      else pieces.delete(id);
    }
    if (waiting.length) this.#deliver();
    const inOrder = [...pieces.values()].sort((a, b) => b.order - a.order);
    return { pieces: inOrder, unreadable: news.unreadable };
  }

  /**
   * Returns the changes on the server since the last call.
   * @returns {Promise<{ changed: Stored[], removed: string[], unreadable: string[] }>}
   */
  async news() {
    return this.#news();
  }

  async #news() {
    const nothing = { changed: [], removed: [], unreadable: [] };
    if (this.refusal) return nothing;
    const query = this.#seen
      ? `?epoch=${this.#seen.epoch}&revision=${this.#seen.revision}`
      : "";
    /** @type {News} */
    let news;
    try {
      news = await this.#api.get(`/pieces${query}`);
    } catch (error) {
      if (!(error instanceof ApiError) || !["not_kept", "gone"].includes(error.code)) throw error;
      if (error.code === "not_kept") this.refusal = error.message;
      return nothing;
    }
    this.#seen = { epoch: news.epoch, revision: news.revision };
    const unreadable = [...news.unreadable];
    const changed = news.pieces.flatMap(({ id, order, piece }) => {
      const take = takeFrom(piece, this.#model, false);
      if (!take) unreadable.push(id);
      return take ? [{ take: { ...take, id }, order }] : [];
    });
    return { changed, removed: news.removed, unreadable };
  }

  /**
   * Stores and removes pieces: first in the browser's database, because a page that is being closed
   * has no time for the server, and from there on the server.
   * @param {Stored[]} changed
   * @param {string[]} removed ids
   */
  async write(changed, removed) {
    const model = this.#model.hash;
    const keyOf = (/** @type {string} */ id) => `${model}/${id}`;
    /** @type {Waiting[]} */
    const records = [
      ...changed.map(({ take, order }) =>
        ({ key: keyOf(take.id), model, id: take.id, order, take })),
      ...removed.map((id) => ({ key: keyOf(id), model, id, order: 0, take: null })),
    ];
    try {
      await this.#put(records);
    } catch (failure) {
      // Without a database, only the server is left.
      await this.#send(records).catch((error) => {
        const why = error instanceof Error ? error.message : String(error);
        const isFull = failure instanceof DOMException && failure.name === "QuotaExceededError";
        throw new NotKept(`${isFull ? "The browser's storage is full" : failure}, and ${why}`);
      });
      this.#others.postMessage(model);
      return;
    }
    this.#deliver();
  }

  /** Sends all waiting changes. Those that can't be sent now keep waiting. */
  async #deliver() {
    this.#hasMore = true;
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (this.#hasMore) {
        this.#hasMore = false;
        const waiting = await this.#waiting();
        if (!waiting.length) break;
        await this.#send(waiting);
        this.#others.postMessage(this.#model.hash);
      }
    } catch (error) {
      if (error instanceof ApiError && error.code === "not_kept") this.refusal = error.message;
    } finally {
      this.#isDelivering = false;
    }
  }

  /** @param {Waiting[]} records */
  async #send(records) {
    /** @type {Waiting[]} */
    let batch = [];
    let length = 0;
    const send = async () => {
      if (!batch.length) return;
      const sent = batch;
      [batch, length] = [[], 0];
      const changed = sent.flatMap(({ id, order, take }) =>
        (take ? [{ id, order, piece: take }] : []));
      const removed = sent.flatMap(({ id, take }) => (take ? [] : [id]));
      /** @type {{ epoch: number, revision: number }} */
      const now = await this.#api.post("/pieces", { changed, removed });
      this.refusal = "";
      // Changes by others in between still have to be requested.
      const { epoch, revision } = this.#seen ?? { epoch: 0, revision: 0 };
      if (epoch === now.epoch && revision + sent.length === now.revision) this.#seen = now;
      await this.#forget(sent).catch(() => {});
    };
    for (const record of records) {
      const own = JSON.stringify(record).length;
      if (length + own > MAX_SENT) await send();
      batch.push(record);
      length += own;
    }
    await send();
  }

  /** @returns {Promise<Waiting[]>} */
  async #waiting() {
    if (!this.#database) return [];
    const pieces = this.#database.transaction(PIECES).objectStore(PIECES);
    const found = await resultOf(pieces.index("model").getAll(this.#model.hash));
    // Earlier versions kept pieces only here, without a separate id.
    return found.map((record) => ({ ...record, id: record.id ?? record.take.id }));
  }

  /** @param {Waiting[]} records */
  async #put(records) {
    if (!this.#database) throw new Error("This browser stores nothing for the studio");
    await this.#change((pieces) => records.forEach((record) => pieces.put(record)));
  }

  /**
   * Removes what was sent, unless it changed meanwhile.
   * @param {Waiting[]} sent
   */
  async #forget(sent) {
    if (!this.#database) return;
    await this.#change((pieces) => {
      for (const record of sent) {
        const asking = pieces.get(record.key);
        asking.addEventListener("success", () => {
          const { result } = asking;
          if (result && JSON.stringify(result.take) === JSON.stringify(record.take)) {
            pieces.delete(record.key);
          }
        });
      }
    });
  }

  /** @param {(pieces: IDBObjectStore) => void} change all or nothing */
  #change(change) {
    return new Promise((resolve, reject) => {
      if (!this.#database) return;
      // Without waiting for the disk each time: a page that is being closed has no time.
      const transaction =
        this.#database.transaction(PIECES, "readwrite", { durability: "relaxed" });
      transaction.addEventListener("complete", resolve);
      transaction.addEventListener("abort", () => reject(transaction.error));
      change(transaction.objectStore(PIECES));
    });
  }
}
