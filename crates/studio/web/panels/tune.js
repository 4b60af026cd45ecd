// @ts-check
// Uploads a MIDI file; the server reports which tune it took from it, and why.

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Tune} Tune */

/**
 * @param {number} bytes
 */
export function sizeText(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {App} app
 * @param {File} file
 * @param {number} [track] by default the most melodic one
 */
export async function readTune(app, file, track) {
  const { upload_bytes } = app.model.limits;
  if (file.size > upload_bytes) {
    throw new Error(
      `${file.name} has ${sizeText(file.size)}; the maximum is ${sizeText(upload_bytes)}.`,
    );
  }
  const form = new FormData();
  form.append("file", file, file.name);
  if (track !== undefined) form.append("track", String(track));
  /** @type {Tune} */
  const tune = await app.api.upload("/tunes", form);
  const take = app.take(tune.piece, `From ${file.name}`, tune.title || file.name);
  return { tune, take };
}
