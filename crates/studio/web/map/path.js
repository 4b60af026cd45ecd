// @ts-check
// A drawn path as music: windows at even steps of the way, in one piece.

import { newSeed } from "../api.js";
import { evenly, onPlane } from "./plane.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Anchor} Anchor */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./map.js").MapView} MapView */

/** Places of a drawn line that the server is told, at the most: no more than windows, which each lie at a place. */
const ANCHORS = 12;

/**
 * The places of a path in latent space: on the plane, or, where the map has none, the windows next to the line.
 * @param {App} app
 * @param {MapView} map
 * @param {Point[]} path
 * @param {number} nWindows
 * @returns {Promise<Anchor[]>}
 */
async function anchorsOf(app, map, path, nWindows) {
  const places = evenly(path, Math.min(ANCHORS, nWindows));
  const inverse = app.session.map?.inverse;
  if (inverse) return places.map((place) => ({ z: onPlane(inverse, place) }));
  const indices = new Set();
  for (const place of places) {
    const at = map.view.toScreen(place.x, place.y);
    const hit = map.hitWindow(at.x, at.y, Math.max(map.view.width, map.view.height));
    if (hit) indices.add(hit.index);
  }
  return Promise.all([...indices].map(async (index) => ({ z: (await app.session.window(index)).window.z })));
}

/**
 * Has the path played, and kept as a piece.
 * @param {App} app
 * @param {MapView} map
 * @param {number} nWindows
 */
export async function morph(app, map, nWindows) {
  const before = app.history.current;
  const points = await anchorsOf(app, map, map.path, nWindows);
  if (points.length < 2) {
    app.say("A path needs a beginning and an end: draw a longer line.");
    return;
  }
  const seed = newSeed();
  const { temperature } = app.session;
  /** @type {Piece} */
  const piece = await app.api.post("/path", { points, n_windows: nWindows, joining: "lerp", temperature, seed });
  const take = app.take(piece, `Path of ${nWindows} windows`);
  take.title ||= "Path over the map";
  app.history.add([take], { before });
  await app.play(take);
  app.say(`${take.title}: ${app.belongsText(take.windows)}`);
}
