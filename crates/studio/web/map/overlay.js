// @ts-check
// Draws the overlay above the points: styles with their names, generated music, the path, the puck.

import { prefersReducedMotion, color } from "../ui/theme.js";

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
 * @property {Point[]} made positions of generated windows
 * @property {Point[]} chosen positions of the windows of the selected piece, in order
 * @property {number | null} progress playback position in the selected piece, 0 to 1
 * @property {Point[]} path
 * @property {Point | null} hovered
 * @property {Point | null} puck
 * @property {boolean} puckPlays
 */

/** Vertical offsets, in pixels, to try for a name, from near to far. */
const OFFSETS = Array.from({ length: 17 }, (_, i) => (i % 2 ? 18 : -18) * Math.ceil(i / 2));
const TAU = 2 * Math.PI;
/** Radius of the puck in pixels. */
export const PUCK = 12;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function drawScene(context, scene) {
  drawEllipses(context, scene);
  drawMade(context, scene);
  drawPath(context, scene);
  if (scene.hovered) {
    ring(context, scene.view.toScreen(scene.hovered.x, scene.hovered.y), 7, color("--text"), 2);
  }
  drawNames(context, scene);
  if (scene.puck) drawPuck(context, scene, scene.puck);
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
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawEllipses(context, { view, ellipses, styles, marked }) {
  for (const { style: index, x, y, axes, angle } of ellipses) {
    const style = styles[index];
    if (!style || style.hidden) continue;
    const at = view.toScreen(x, y);
    const isMarked = marked === style.name;
    context.fillStyle = style.color;
    context.globalAlpha = marked && !isMarked ? 0.25 : 1;
    context.beginPath();
    context.ellipse(at.x, at.y, axes[0] * view.scale, axes[1] * view.scale, -angle, 0, TAU);
    // A rim in the background color keeps the ellipse visible among the points of its style.
    context.strokeStyle = color("--map");
    context.lineWidth = isMarked ? 7 : 5;
    context.stroke();
    context.strokeStyle = style.color;
    context.lineWidth = isMarked ? 3 : 2;
    context.stroke();
    context.globalAlpha *= isMarked ? 0.16 : 0.07;
    context.fill();
  }
  context.globalAlpha = 1;
}

/**
 * Draws names at the centers of their ellipses, or as close as there is space.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawNames(context, { view, ellipses, styles, marked }) {
  /** @type {{ x: number, y: number, width: number }[]} */
  const taken = [];
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { style: index, x, y } of ellipses) {
    const style = styles[index];
    if (!style || style.hidden) continue;
    const at = view.toScreen(x, y);
    if (at.x < -80 || at.y < -20 || at.x > view.width + 80 || at.y > view.height + 20) continue;
    context.font = `${marked === style.name ? 700 : 600} 13px system-ui, sans-serif`;
    const width = context.measureText(style.name).width + 18;
    const isFree = (/** @type {number} */ y) =>
      taken.every((other) => {
        const minDistance = (other.width + width) / 2;
        return Math.abs(other.y - y) > 17 || Math.abs(other.x - at.x) > minDistance;
      });
    const offset = OFFSETS.find((offset) => isFree(at.y + offset)) ?? 0;
    const place = { x: at.x, y: at.y + offset, width };
    taken.push(place);
    context.globalAlpha = marked && marked !== style.name ? 0.4 : 1;
    context.strokeStyle = color("--map");
    context.lineWidth = 4;
    context.strokeText(style.name, place.x + 5, place.y);
    context.fillStyle = color("--text");
    context.fillText(style.name, place.x + 5, place.y);
    context.fillStyle = style.color;
    context.beginPath();
    context.arc(place.x - width / 2 + 7, place.y, 4, 0, TAU);
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
