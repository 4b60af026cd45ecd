// @ts-check
// The large piano roll: notes of the selected piece, the model's version of them, and a playhead.

import { canvasOf } from "../dom.js";
import { noteName } from "../state/notes.js";
import { color, partColor } from "../ui/theme.js";
import { isBlackKey, pitchRange } from "./grid.js";

/** @typedef {import("../types.js").Note} Note */

/** Height of the ruler above the notes and width of the keys next to them, in pixels. */
export const RULER = 18;
export const KEYS = 30;
/** Lines closer than this, in pixels, would merge into gray, so they are left out. */
const MIN_DISTANCE = 6;

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ from: Point, to: Point }} Area two opposite corners, in pixels */

/**
 * @typedef {object} Scene
 * @property {Note[]} notes
 * @property {number} n_steps
 * @property {Note[]} ghosts the model's version of the notes
 * @property {Note[]} selected
 * @property {Area | null} area in which notes are being selected
 * @property {number | null} cursor step of the playhead
 * @property {number} stepsPerQuarter
 * @property {number} stepsPerBar
 * @property {boolean} isDrums
 * @property {string} empty text shown if there are no notes
 */

/** Positions of steps and keys on the canvas, and drawing. */
export class Roll {
  /** The first visible step. */
  from = 0;
  span = 32;
  low = 55;
  high = 79;
  width = 1;
  height = 1;
  #canvas;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /**
   * Shows another piece: all of it, unless it is too long.
   * @param {Note[]} notes
   * @param {number} nSteps
   * @param {number} [maxSpan] maximum number of steps shown at first
   */
  fit(notes, nSteps, maxSpan = this.span) {
    this.from = 0;
    this.span = Math.max(1, Math.min(nSteps, maxSpan));
    const pitches = notes.map(({ pitch }) => pitch);
    const { low, high } = pitchRange(Math.min(...pitches), Math.max(...pitches));
    this.low = Math.max(0, low);
    this.high = Math.min(127, high);
  }

  /**
   * Makes a key visible.
   * @param {number} pitch
   */
  show(pitch) {
    // Visible rows stay in place, so that the next click hits its target.
    this.low = Math.min(this.low, pitch);
    this.high = Math.max(this.high, pitch);
  }

  /**
   * Zooms horizontally.
   * @param {number} factor
   * @param {number} nSteps
   * @param {number} [around] step that stays in place
   */
  zoom(factor, nSteps, around = this.from + this.span / 2) {
    const span = Math.min(nSteps, Math.max(8, this.span * factor));
    const share = (around - this.from) / this.span;
    this.span = span;
    this.scroll(around - share * span - this.from, nSteps);
  }

  /**
   * @param {number} steps
   * @param {number} nSteps
   */
  scroll(steps, nSteps) {
    this.from = Math.min(Math.max(0, nSteps - this.span), Math.max(0, this.from + steps));
  }

  get row() {
    return (this.height - RULER) / (this.high - this.low + 1);
  }

  /** @param {number} step */
  x(step) {
    return KEYS + ((step - this.from) / this.span) * (this.width - KEYS);
  }

  /** @param {number} pitch */
  y(pitch) {
    return RULER + (this.high - pitch) * this.row;
  }

  /** @param {number} x */
  stepAt(x) {
    return this.from + ((x - KEYS) / Math.max(1, this.width - KEYS)) * this.span;
  }

  /** @param {number} y */
  pitchAt(y) {
    return Math.min(127, Math.max(0, this.high - Math.floor((y - RULER) / this.row)));
  }

  /**
   * Whether a note lies in an area, at least partly.
   * @param {Note} note
   * @param {Area} area
   */
  isIn(note, { from, to }) {
    const [x, y, width, height] = this.#box(note);
    return x <= Math.max(from.x, to.x) && x + width >= Math.min(from.x, to.x)
      && y <= Math.max(from.y, to.y) && y + height >= Math.min(from.y, to.y);
  }

  /** @param {Scene} scene */
  draw(scene) {
    const drawn = canvasOf(this.#canvas);
    if (!drawn) return;
    const { context } = drawn;
    this.width = drawn.width;
    this.height = drawn.height;
    this.#drawGround(context, scene);
    context.save();
    context.beginPath();
    context.rect(KEYS, RULER, this.width - KEYS, this.height - RULER);
    context.clip();
    for (const note of scene.ghosts) this.#drawGhost(context, note);
    const selected = new Set(scene.selected);
    for (const note of scene.notes) this.#drawNote(context, note, selected.has(note));
    if (scene.area) this.#drawArea(context, scene.area);
    context.restore();
    this.#drawKeys(context);
    if (!scene.notes.length) {
      context.fillStyle = color("--muted");
      context.font = "14px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(
        scene.empty,
        (this.width + KEYS) / 2,
        (this.height + RULER) / 2,
        this.width - KEYS - 20,
      );
    }
    const { cursor } = scene;
    if (cursor !== null && cursor >= this.from && cursor <= this.from + this.span) {
      context.fillStyle = color("--roll-playhead");
      context.fillRect(this.x(cursor) - 1, 0, 2, this.height);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Scene} scene
   */
  #drawGround(context, { n_steps, stepsPerBar, stepsPerQuarter, isDrums }) {
    context.fillStyle = color("--roll-background");
    context.fillRect(0, 0, this.width, this.height);
    const row = this.row;
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      if (!isDrums && isBlackKey(pitch)) {
        context.fillStyle = color("--roll-black-key");
        context.fillRect(KEYS, this.y(pitch), this.width - KEYS, row);
      }
      if (isDrums || pitch % 12 === 0) {
        context.fillStyle = color("--roll-octave");
        context.fillRect(KEYS, this.y(pitch) + row - 0.5, this.width - KEYS, 0.5);
      }
    }
    const end = Math.min(n_steps, this.from + this.span);
    const stepWidth = (this.width - KEYS) / this.span;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let step = Math.ceil(this.from); step <= end; step++) {
      const isBar = step % stepsPerBar === 0;
      const isBeat = step % stepsPerQuarter === 0;
      const room =
        isBar ? stepWidth * stepsPerBar : isBeat ? stepWidth * stepsPerQuarter : stepWidth;
      if (room < MIN_DISTANCE * (isBar || isBeat ? 1 : 1.6)) continue;
      context.fillStyle = color(isBar ? "--roll-bar" : isBeat ? "--roll-beat" : "--roll-black-key");
      context.fillRect(this.x(step) - 0.5, isBar ? 0 : RULER, 1, this.height);
      if (isBar && room > 26 && step < n_steps) {
        context.fillStyle = color("--muted");
        context.fillText(String(step / stepsPerBar + 1), this.x(step) + 4, RULER / 2 + 1);
      }
    }
  }

  /**
   * @param {Note} note
   * @returns {[number, number, number, number]}
   */
  #box({ pitch, start, end }) {
    const x = this.x(start);
    return [
      x + 0.5,
      this.y(pitch) + 0.5,
      Math.max(2, this.x(end) - x - 1.5),
      Math.max(2, this.row - 1),
    ];
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Note} note
   * @param {boolean} isSelected
   */
  #drawNote(context, note, isSelected) {
    const [x, y, width, height] = this.#box(note);
    context.fillStyle = isSelected ? color("--accent") : partColor(note.voice);
    context.beginPath();
    context.roundRect(x, y, width, height, Math.min(3, height / 3));
    context.fill();
    if (isSelected) {
      context.strokeStyle = color("--text");
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Area} area
   */
  #drawArea(context, { from, to }) {
    context.strokeStyle = color("--accent");
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
    context.setLineDash([]);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Note} note
   */
  #drawGhost(context, note) {
    const [x, y, width, height] = this.#box(note);
    context.strokeStyle = color("--made");
    context.lineWidth = 1.5;
    context.setLineDash([3, 2]);
    context.beginPath();
    context.roundRect(x, y - 1, width, height + 2, 3);
    context.stroke();
    context.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} context */
  #drawKeys(context) {
    context.fillStyle = color("--roll-background");
    context.fillRect(0, RULER, KEYS, this.height - RULER);
    context.fillStyle = color("--muted");
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      if (pitch % 12 === 0) {
        context.fillText(noteName(pitch), KEYS - 5, this.y(pitch) + this.row / 2);
      }
    }
    context.fillStyle = color("--roll-octave");
    context.fillRect(KEYS - 1, 0, 1, this.height);
  }
}
