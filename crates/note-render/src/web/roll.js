// @ts-check
// Piano rolls on a canvas, with a playhead. Colors come from the style of the page, which also
// handles light and dark themes.

import { isBlackKey, pitchRange } from "./grid.js";

/** @typedef {import("./player.js").Score} Score */

/**
 * Default colors of instruments; the property `--roll-parts` overrides them, separated by spaces.
 */
const PARTS = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #8a6d00 #808080";

/** Beat lines closer than this, in pixels, would merge into gray, so they are left out. */
const MIN_BEAT_WIDTH = 5;

/**
 * A color from the style: a custom property of an element, for example `--roll-bar`.
 * @param {Element} element
 * @param {string} name
 * @param {string} fallback
 */
function styleColor(element, name, fallback) {
  return getComputedStyle(element).getPropertyValue(name).trim() || fallback;
}

/** A score drawn on a canvas, whose size is set by the style. */
export class Roll {
  /** @type {HTMLCanvasElement} */
  #canvas;
  /** @type {Score} */
  #score;
  /**
   * The picture without the playhead.
   * @type {HTMLCanvasElement | null}
   */
  #still = null;
  #lowest = 60;
  #highest = 60;
  /** @type {Map<number, number>} */
  #parts = new Map();
  /** @type {number | null} */
  #position = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Score} score
   */
  constructor(canvas, score) {
    this.#canvas = canvas;
    this.#score = score;
    this.score = score;
  }

  get score() {
    return this.#score;
  }

  /** Replaces the score; call `refresh` to draw it. */
  set score(score) {
    this.#score = score;
    let lowest = Infinity;
    let highest = -Infinity;
    const instruments = new Set();
    for (const [, , pitch, , , instrument] of score.notes) {
      lowest = Math.min(lowest, pitch);
      highest = Math.max(highest, pitch);
      instruments.add(instrument);
    }
    const { low, high } = pitchRange(lowest, highest);
    [this.#lowest, this.#highest] = [low, high];
    this.#parts = new Map(
      [...instruments].sort((a, b) => a - b).map((instrument, i) => [instrument, i]),
    );
    this.#still = null;
  }

  /** Seconds between the left and the right edge. */
  get seconds() {
    return Math.max(this.#score.seconds, this.#score.notes.length ? 0.1 : 2);
  }

  /**
   * The time in the score at a horizontal window coordinate.
   * @param {number} clientX
   */
  timeAt(clientX) {
    const box = this.#canvas.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - box.left) / Math.max(1, box.width))) * this.seconds;
  }

  /** Redraws after a change of the size, the colors or the score. */
  refresh() {
    this.#still = null;
    this.draw(this.#position);
  }

  /**
   * Draws, with a playhead at a position in seconds, or without a playhead.
   * @param {number | null} position
   */
  draw(position) {
    this.#position = position;
    const canvas = this.#canvas;
    const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    if (!context || !width || !height) return;
    if (canvas.width !== width || canvas.height !== height || !this.#still) {
      canvas.width = width;
      canvas.height = height;
      this.#still = document.createElement("canvas");
      this.#still.width = width;
      this.#still.height = height;
      this.#drawStill(this.#still, ratio);
    }
    context.clearRect(0, 0, width, height);
    context.drawImage(this.#still, 0, 0);
    if (position !== null) {
      context.fillStyle = styleColor(canvas, "--roll-playhead", "#d00");
      context.fillRect((position / this.seconds) * width - ratio, 0, 2 * ratio, height);
    }
  }

  /**
   * @param {HTMLCanvasElement} still
   * @param {number} ratio
   */
  #drawStill(still, ratio) {
    const context = still.getContext("2d");
    if (!context) return;
    const { width, height } = still;
    const semitone = height / (this.#highest - this.#lowest + 1);
    const x = (/** @type {number} */ time) => (time / this.seconds) * width;
    const y = (/** @type {number} */ pitch) => (this.#highest - pitch) * semitone;
    const color = (/** @type {string} */ name, /** @type {string} */ fallback) =>
      styleColor(this.#canvas, name, fallback);
    context.fillStyle = color("--roll-background", "#fff");
    context.fillRect(0, 0, width, height);
    const [blackKey, octave] = [
      color("--roll-black-key", "#f4f4f2"),
      color("--roll-octave", "#cdcdc8"),
    ];
    for (let pitch = this.#lowest; pitch <= this.#highest; pitch++) {
      if (isBlackKey(pitch)) {
        context.fillStyle = blackKey;
        context.fillRect(0, y(pitch), width, semitone);
      } else if (pitch % 12 === 0) {
        context.fillStyle = octave;
        context.fillRect(0, y(pitch) + semitone - ratio, width, ratio);
      }
    }
    const beats = this.#score.beats ?? [];
    const [beatColor, barColor] = [color("--roll-beat", "#e4e4e0"), color("--roll-bar", "#aaaaa4")];
    const drawsBeats = (width / Math.max(1, beats.length)) >= MIN_BEAT_WIDTH * ratio;
    for (const [time, isBar] of beats.slice(1)) {
      if (!isBar && !drawsBeats) continue;
      context.fillStyle = isBar ? barColor : beatColor;
      context.fillRect(Math.round(x(time)), 0, ratio, height);
    }
    const partColors = color("--roll-parts", PARTS).split(/\s+/);
    for (const [start, end, pitch, velocity, , instrument] of this.#score.notes) {
      const part = this.#parts.get(instrument) ?? 0;
      context.globalAlpha = 0.4 + (0.6 * velocity) / 127;
      context.fillStyle = partColors[part % partColors.length];
      const noteWidth = Math.max(1.5 * ratio, x(end) - x(start) - ratio);
      context.fillRect(x(start), y(pitch), noteWidth, Math.max(ratio, semitone - ratio / 2));
    }
    context.globalAlpha = 1;
  }
}
