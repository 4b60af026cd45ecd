// @ts-check
// Turns a drawn path into music: one piece of windows at even distances along the path.

import { newSeed } from "../api.js";
import { resampled, onPlane } from "./plane.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Anchor} Anchor */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./map.js").MapView} MapView */

/** Maximum number of path points sent to the server; never more than there are windows. */
const MAX_ANCHORS = 12;

/**
 * Converts a path to latents: on the plane of the map or, if the map has no inverse, the windows
 * nearest to the line.
 * @param {App} app
 * @param {MapView} map
 * @param {Point[]} path
 * @param {number} nWindows
 * @returns {Promise<Anchor[]>}
 */
async function anchorsOf(app, map, path, nWindows) {
  const places = resampled(path, Math.min(MAX_ANCHORS, nWindows));
  const inverse = app.session.map?.inverse;
  if (inverse) return places.map((place) => ({ z: onPlane(inverse, place) }));
  const indices = new Set();
  for (const place of places) {
    const at = map.view.toScreen(place.x, place.y);
    const hit = map.hitWindow(at.x, at.y, Math.max(map.view.width, map.view.height));
    if (hit) indices.add(hit.index);
  }
  return Promise.all(
    [...indices].map(async (index) => ({ z: (await app.session.window(index)).window.z })),
  );
}

/**
 * Plays the path, and keeps it as a piece.
 * @param {App} app
 * @param {MapView} map
 * @param {number} nWindows
 */
export async function playPath(app, map, nWindows) {
  const before = app.history.current;
  const points = await anchorsOf(app, map, map.path, nWindows);
  if (points.length < 2) {
    app.announce("A path needs a start and an end; draw a longer line.");
    return;
  }
  const seed = newSeed();
  const { temperature } = app.session;
  /** @type {Piece} */
  const piece = await app.api.post("/interpolate", {
    points, n_windows: nWindows, interpolation: "lerp", temperature, seed,
  });
  const take = app.take(piece, `Path of ${nWindows} windows`);
  take.title ||= "Path across the map";
  app.history.add([take], { before });
  await app.play(take);
  app.announce(`${take.title}: ${app.stylesText(take.windows)}`);
}
