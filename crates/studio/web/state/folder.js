// @ts-check
// A folder that the user chose for MIDI files, where the browser can write into folders. It is
// remembered, so that a program that watches it shows each piece at once.

const DATABASE = "controlgen.folder";
const HANDLES = "handles";
const KEY = "folder";

/**
 * Methods of folders that TypeScript does not know yet.
 * @typedef {FileSystemDirectoryHandle & {
 *   requestPermission?: (options: { mode: "readwrite" }) => Promise<string>
 * }} Folder
 */

/** Whether this browser can write into folders. */
export function canSaveToFolder() {
  return "showDirectoryPicker" in globalThis;
}

/**
 * @template T
 * @param {(handles: IDBObjectStore) => IDBRequest<T>} use
 * @returns {Promise<T>}
 */
function withHandles(use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(HANDLES));
    opening.addEventListener("error", () => reject(opening.error));
    opening.addEventListener("success", () => {
      const database = opening.result;
      const request = use(database.transaction(HANDLES, "readwrite").objectStore(HANDLES));
      request.addEventListener("success", () => {
        database.close();
        resolve(request.result);
      });
      request.addEventListener("error", () => {
        database.close();
        reject(request.error);
      });
    });
  });
}

/**
 * Returns the folder, asking the user for it the first time, or if `again` is set. Browsers ask for
 * permission once per visit.
 * @param {boolean} again
 * @returns {Promise<Folder>}
 */
async function folder(again) {
  const known = again ? null : await withHandles((handles) => handles.get(KEY)).catch(() => null);
  if (known) {
    const answer = await known.requestPermission?.({ mode: "readwrite" });
    if (answer === undefined || answer === "granted") return known;
  }
  const pick = /** @type {any} */ (globalThis).showDirectoryPicker;
  const chosen = await pick({ id: "controlgen", mode: "readwrite", startIn: "music" });
  // If it can't be remembered, it is asked for again the next time.
  await withHandles((handles) => handles.put(chosen, KEY)).catch(() => null);
  return chosen;
}

/**
 * Writes a file into the folder, next to files of the same name.
 * @param {string} name without its ending
 * @param {string} ending
 * @param {Blob} blob
 * @param {boolean} [again] whether to choose another folder
 * @returns {Promise<string>} where it was written, in words
 */
export async function saveToFolder(name, ending, blob, again = false) {
  const into = await folder(again);
  for (let n = 1; ; n++) {
    const file = n === 1 ? `${name}.${ending}` : `${name}-${n}.${ending}`;
    const isThere = await into.getFileHandle(file).then(() => true, () => false);
    if (isThere) continue;
    const handle = await into.getFileHandle(file, { create: true });
    const stream = await handle.createWritable();
    await stream.write(blob);
    await stream.close();
    return into.name ? `${into.name}/${file}` : file;
  }
}
