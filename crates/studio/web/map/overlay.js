// @ts-check
// Draws the overlay above the points: styles with their names, generated music, the path, the puck.

import { prefersReducedMotion, color } from "../ui/theme.js";
import { placeNames } from "./regions.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").Ellipse} Ellipse */
/** @typedef {import("./view.js").View} View */

/**
 * @typedef {object} Scene
 * @property {View} view
 * @property {Ellipse[]} ellipses
 * @property {Style[]} styles
 * @property {string | null} marked name of the highlighted style
 * @property {number | null} glowing number of the style under the pointer
 * @property {import("./regions.js").Box[]} covered boxes of the elements above the map
 * @property {Point[]} made positions of generated windows
 * @property {Point[]} chosen positions of the windows of the selected piece, in order
 * @property {number | null} progress playback position in the selected piece, 0 to 1
 * @property {Point[]} path
 * @property {Point | null} hovered
 * @property {Point | null} puck
 * @property {boolean} puckPlays
 */

const TAU = 2 * Math.PI;
const NAME_FONT = "600 13px system-ui, sans-serif";
/** Radius of the puck in pixels. */
export const PUCK = 12;

/**
 * Draws everything; returns the names that were written.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function drawScene(context, scene) {
  context.font = NAME_FONT;
  const first = scene.styles.findIndex(({ name }) => name === scene.marked);
  const names = placeNames(
    { ...scene, first: scene.glowing ?? (first < 0 ? null : first) },
    (text) => context.measureText(text).width,
  );
  drawEllipses(context, scene, new Set(names.map(({ style }) => style)));
  drawMade(context, scene);
  drawPath(context, scene);
  if (scene.hovered) {
    ring(context, scene.view.toScreen(scene.hovered.x, scene.hovered.y), 7, color("--text"), 2);
  }
  drawNames(context, scene, names);
  if (scene.puck) drawPuck(context, scene, scene.puck);
  return names;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} at
 * @param {number} radius
 * @param {string} stroke
 * @param {number} width
 */
function ring(context, at, radius, stroke, width) {
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, TAU);
  context.strokeStyle = stroke;
  context.lineWidth = width;
  context.stroke();
}

/**
 * In the view of the whole map, regions with names are emphasized.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Set<number>} named
 */
function drawEllipses(context, { view, ellipses, styles, marked, glowing }, named) {
  for (const { style: index, x, y, axes, angle } of ellipses) {
    const style = styles[index];
    if (!style || style.hidden) continue;
    const at = view.toScreen(x, y);
    const stands = marked === style.name || glowing === index;
    const isFaint = !stands && (marked !== null || (view.isWhole && !named.has(index)));
    context.fillStyle = style.color;
    context.globalAlpha = isFaint ? 0.3 : 1;
    context.beginPath();
    context.ellipse(at.x, at.y, axes[0] * view.scale, axes[1] * view.scale, -angle, 0, TAU);
    // A rim in the background color keeps the ellipse visible among the points of its style.
    context.strokeStyle = color("--map");
    context.lineWidth = stands ? 7 : isFaint ? 3 : 5;
    context.stroke();
    context.strokeStyle = style.color;
    context.lineWidth = stands ? 3 : isFaint ? 1 : 2;
    context.stroke();
    context.globalAlpha *= stands ? 0.34 : view.isWhole && !isFaint ? 0.16 : 0.07;
    context.fill();
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {import("./regions.js").Name[]} names
 */
function drawNames(context, { styles, marked, glowing }, names) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.font = NAME_FONT;
  for (const { style: index, x, y, box } of names) {
    const style = styles[index];
    const stands = marked === style.name || glowing === index;
    context.globalAlpha = marked && !stands ? 0.4 : 1;
    if (stands) {
      context.fillStyle = color("--panel");
      context.beginPath();
      context.roundRect(box.left - 3, box.top, box.right - box.left + 6, box.bottom - box.top, 9);
      context.fill();
    }
    context.strokeStyle = color(stands ? "--panel" : "--map");
    context.lineWidth = 4;
    context.strokeText(style.name, x + 5, y);
    context.fillStyle = color("--text");
    context.fillText(style.name, x + 5, y);
    context.fillStyle = style.color;
    context.beginPath();
    context.arc(box.left + 7, y, 4, 0, TAU);
    context.lineWidth = 3;
    context.stroke();
    context.fill();
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} at
 * @param {number} radius
 */
function diamond(context, at, radius) {
  context.moveTo(at.x, at.y - radius);
  context.lineTo(at.x + radius, at.y);
  context.lineTo(at.x, at.y + radius);
  context.lineTo(at.x - radius, at.y);
  context.closePath();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawMade(context, { view, made, chosen, progress }) {
  context.beginPath();
  for (const { x, y } of made) diamond(context, view.toScreen(x, y), 4.5);
  context.fillStyle = color("--made");
  context.strokeStyle = color("--map");
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
  if (!chosen.length) return;
  const places = chosen.map(({ x, y }) => view.toScreen(x, y));
  context.strokeStyle = color("--text");
  context.globalAlpha = 0.5;
  context.setLineDash([2, 4]);
  line(context, places);
  context.setLineDash([]);
  context.globalAlpha = 1;
  context.beginPath();
  for (const place of places) diamond(context, place, 6);
  context.fillStyle = color("--accent");
  context.fill();
  context.strokeStyle = color("--map");
  context.stroke();
  if (progress !== null && places.length > 1) {
    const now = places[Math.min(places.length - 1, Math.floor(progress * places.length))];
    ring(context, now, 10, color("--accent"), 2);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} places
 */
function line(context, places) {
  context.beginPath();
  places.forEach(({ x, y }, i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawPath(context, { view, path }) {
  if (!path.length) return;
  const places = path.map(({ x, y }) => view.toScreen(x, y));
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = color("--map");
  context.lineWidth = 7;
  line(context, places);
  context.strokeStyle = color("--accent");
  context.lineWidth = 3;
  line(context, places);
  for (const place of [places[0], places[places.length - 1]]) {
    context.beginPath();
    context.arc(place.x, place.y, 5, 0, TAU);
    context.fillStyle = color("--accent");
    context.fill();
  }
}

/**
 * Draws the puck, surrounded by the progress of the loop.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Point} puck
 */
function drawPuck(context, { view, progress, puckPlays }, puck) {
  const at = view.toScreen(puck.x, puck.y);
  context.beginPath();
  context.arc(at.x, at.y, PUCK, 0, TAU);
  context.fillStyle = color("--puck");
  context.shadowColor = "rgba(0, 0, 0, 0.35)";
  context.shadowBlur = 10;
  context.shadowOffsetY = 2;
  context.fill();
  context.shadowColor = "transparent";
  ring(context, at, PUCK, color("--accent"), 3);
  context.beginPath();
  context.arc(at.x, at.y, 3.5, 0, TAU);
  context.fillStyle = color("--accent");
  context.fill();
  if (progress === null || !puckPlays || prefersReducedMotion()) return;
  context.beginPath();
  context.arc(at.x, at.y, PUCK + 6, -TAU / 4, -TAU / 4 + progress * TAU);
  context.strokeStyle = color("--accent");
  context.lineWidth = 2.5;
  context.stroke();
}
