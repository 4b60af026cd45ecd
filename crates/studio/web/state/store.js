// @ts-check
// Pieces in the browser's database, IndexedDB: one record each, so that pages open at the same time
// add to each other's pieces instead of overwriting them.

/** @typedef {import("../types.js").Take} Take */
/**
 * A piece as it is stored. `order` is larger for newer pieces.
 * @typedef {{ key: string, model: string, order: number, take: Take }} Stored
 */

const DATABASE = "controlgen.studio";
const PIECES = "pieces";

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

/**
 * Events: `pieces` (another page of the studio changed pieces; detail: `{ model, changed,
 * removed }` with their ids).
 */
export class Store extends EventTarget {
  #database;
  #others = new BroadcastChannel(DATABASE);

  /** @param {IDBDatabase} database */
  constructor(database) {
    super();
    this.#database = database;
    // Another page opens a later version of the database.
    database.addEventListener("versionchange", () => database.close());
    this.#others.addEventListener("message", ({ data }) => {
      this.dispatchEvent(new CustomEvent("pieces", { detail: data }));
    });
  }

  /** Opens the database; fails if the browser has none, or keeps nothing for this page. */
  static async open() {
    const request = indexedDB.open(DATABASE, 1);
    request.addEventListener("upgradeneeded", () => {
      const pieces = request.result.createObjectStore(PIECES, { keyPath: "key" });
      pieces.createIndex("model", "model");
    });
    return new Store(await resultOf(request));
  }

  /**
   * The pieces of a model, newest first.
   * @param {string} model
   * @returns {Promise<Stored[]>}
   */
  async all(model) {
    const pieces = this.#database.transaction(PIECES).objectStore(PIECES);
    const found = /** @type {Stored[]} */ (await resultOf(pieces.index("model").getAll(model)));
    return found.sort((a, b) => b.order - a.order);
  }

  /**
   * Stores and removes pieces, all or nothing, and tells other pages.
   * @param {string} model
   * @param {{ take: Take, order: number }[]} changed
   * @param {string[]} removed ids
   */
  async write(model, changed, removed) {
    // Without waiting for the disk each time: a page that is being closed has no time.
    const transaction = this.#database.transaction(PIECES, "readwrite", { durability: "relaxed" });
    const pieces = transaction.objectStore(PIECES);
    const done = new Promise((resolve, reject) => {
      transaction.addEventListener("complete", resolve);
      transaction.addEventListener("abort", () => reject(transaction.error));
    });
    const keyOf = (/** @type {string} */ id) => `${model}/${id}`;
    for (const { take, order } of changed) {
      pieces.put({ key: keyOf(take.id), model, order, take });
    }
    for (const id of removed) pieces.delete(keyOf(id));
    await done;
    this.#others.postMessage({ model, changed: changed.map(({ take }) => take.id), removed });
  }
}
