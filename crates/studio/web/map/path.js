// @ts-check
// Turns a drawn path into music: a piece of windows at even distances along the path.

import { newSeed } from "../api.js";
import { resampled } from "./plane.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Piece} Piece */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/** @typedef {import("./map.js").MapView} MapView */

/** Maximum number of windows near a path that are sent to the server. */
const MAX_ANCHORS = 12;

/**
 * Requests the music of the places along the path.
 * @param {App} app
 * @param {MapView} map
 * @param {number} nWindows
 * @param {number} seed
 */
async function musicOfPlaces(app, map, nWindows, seed) {
  const places = resampled(map.path, nWindows).map(({ x, y }) => [x, y]);
  if (places.length < 2) return null;
  const { temperature, attributes, mapQuery } = app.session;
  /** @type {{ windows: Window[] }} */
  const { windows } = await app.api.post(
    "/place", { map: mapQuery, places, temperature, attributes, seed },
  );
  const title = "Path across the map";
  return app.takeOfWindows(windows, `Path of ${nWindows} windows`, title, seed);
}

/**
 * Requests music between the windows nearest to the path, for a map whose places have no music.
 * @param {App} app
 * @param {MapView} map
 * @param {number} nWindows
 * @param {number} seed
 */
async function musicOfWindows(app, map, nWindows, seed) {
  const indices = new Set();
  for (const place of resampled(map.path, Math.min(MAX_ANCHORS, nWindows))) {
    const at = map.view.toScreen(place.x, place.y);
    const hit = map.hitWindow(at.x, at.y, Math.max(map.view.width, map.view.height));
    if (hit) indices.add(hit.index);
  }
  const points = await Promise.all(
    [...indices].map(async (index) => ({ z: (await app.session.window(index)).window.z })),
  );
  if (points.length < 2) return null;
  const { temperature } = app.session;
  /** @type {Piece} */
  const piece = await app.api.post("/interpolate", {
    points, n_windows: nWindows, interpolation: "lerp", temperature, seed,
  });
  return app.take(piece, `Path of ${nWindows} windows`, "Path across the map");
}

/**
 * Plays the path, and keeps it as a piece.
 * @param {App} app
 * @param {MapView} map
 * @param {number} nWindows
 */
export async function playPath(app, map, nWindows) {
  const before = app.history.current;
  const { puck } = map;
  // With the puck's seed, a path passes through the music that the puck plays there.
  const take = app.session.map?.inverse
    ? await musicOfPlaces(app, map, nWindows, puck.seed)
    : await musicOfWindows(app, map, nWindows, newSeed());
  if (!take) {
    app.announce("A path needs a start and an end; draw a longer line.");
    return;
  }
  app.history.add([take], { before });
  await app.play(take);
  app.announce(`${take.title}: ${app.stylesText(take.windows)}`);
}
