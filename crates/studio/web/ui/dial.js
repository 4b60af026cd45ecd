// @ts-check
// A dial: a native slider for keys and screen readers, drawn as a dial and changed by dragging.

import { el } from "../dom.js";

const SVG = "http://www.w3.org/2000/svg";
/** Range of the dial in degrees, to each side of the top. */
const SWEEP = 135;
/** Pixels of dragging from one end to the other. */
const TRAVEL = 180;
const RADIUS = 20;

/**
 * @typedef {object} DialOptions
 * @property {string} label
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {number} value
 * @property {number} [initial] value restored by a double click; by default `value`
 * @property {(value: number) => string} text
 * @property {(value: number) => void} onChange
 * @property {string} [hint]
 * @property {number} [origin] value from which the arc is drawn; by default the minimum
 */

/**
 * @param {number} degrees from the top
 * @returns {[number, number]}
 */
function onRim(degrees) {
  const angle = ((degrees - 90) * Math.PI) / 180;
  return [26 + RADIUS * Math.cos(angle), 26 + RADIUS * Math.sin(angle)];
}

/**
 * @param {number} from degrees
 * @param {number} to
 */
function arc(from, to) {
  const [a, b] = from < to ? [from, to] : [to, from];
  const [[x0, y0], [x1, y1]] = [onRim(a), onRim(b)];
  const isLarge = b - a > 180 ? 1 : 0;
  const start = `${x0.toFixed(2)} ${y0.toFixed(2)}`;
  return `M${start}A${RADIUS} ${RADIUS} 0 ${isLarge} 1 ${x1.toFixed(2)} ${y1.toFixed(2)}`;
}

/** @param {string} name */
function path(name) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", name);
  return element;
}

/** A labeled dial; `root` is its element. */
export class Dial {
  #options;
  #input;
  #output;
  #arc = path("arc");
  #hand = path("hand");

  /** @param {DialOptions} options */
  constructor(options) {
    this.#options = options;
    const { label, min, max, step, value, hint, initial = value } = options;
    this.#input = el("input", { type: "range", min, max, step, value, "aria-label": label });
    this.#output = el("output");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 52 52");
    svg.setAttribute("aria-hidden", "true");
    const track = path("track");
    track.setAttribute("d", arc(-SWEEP, SWEEP));
    svg.append(track, this.#arc, this.#hand);
    const face = el("span", { class: "face" }, svg, this.#input);
    this.root = el(
      "label",
      { class: "dial", title: hint ?? "" },
      face,
      el("span", { class: "name" }, label),
      this.#output,
    );
    this.#input.addEventListener("input", () => this.#change());
    face.addEventListener("pointerdown", (event) => this.#drag(event, face));
    face.addEventListener("dblclick", () => this.set(initial, true));
    this.#draw();
  }

  get value() {
    return Number(this.#input.value);
  }

  /**
   * @param {number} value
   * @param {boolean} [notifies]
   */
  set(value, notifies = false) {
    this.#input.value = String(value);
    if (notifies) this.#change();
    else this.#draw();
  }

  #change() {
    this.#draw();
    this.#options.onChange(this.value);
  }

  #draw() {
    const { min, max, text, origin = min } = this.#options;
    const angle = (/** @type {number} */ value) =>
      -SWEEP + (2 * SWEEP * (value - min)) / (max - min);
    const now = angle(this.value);
    this.#arc.setAttribute("d", Math.abs(now - angle(origin)) < 0.5 ? "" : arc(angle(origin), now));
    const [x, y] = onRim(now);
    const at = (/** @type {number} */ t) =>
      `${(26 + (x - 26) * t).toFixed(2)} ${(26 + (y - 26) * t).toFixed(2)}`;
    this.#hand.setAttribute("d", `M${at(0.35)}L${at(0.78)}`);
    const words = text(this.value);
    this.#output.textContent = words;
    this.#input.setAttribute("aria-valuetext", words);
  }

  /**
   * Dragging up or to the right increases the value.
   * @param {PointerEvent} event
   * @param {HTMLElement} face
   */
  #drag(event, face) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#input.focus();
    face.setPointerCapture(event.pointerId);
    const { min, max } = this.#options;
    const [x, y, from] = [event.clientX, event.clientY, this.value];
    const move = (/** @type {PointerEvent} */ event) => {
      const distance = event.clientX - x + (y - event.clientY);
      const before = this.value;
      this.#input.value = String(from + (distance / TRAVEL) * (max - min));
      if (this.value !== before) this.#change();
    };
    const end = () => {
      face.removeEventListener("pointermove", move);
      face.removeEventListener("pointerup", end);
      face.removeEventListener("pointercancel", end);
    };
    face.addEventListener("pointermove", move);
    face.addEventListener("pointerup", end);
    face.addEventListener("pointercancel", end);
  }
}
