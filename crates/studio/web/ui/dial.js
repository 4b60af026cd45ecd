// @ts-check
// A dial: a native slider for keys and screen readers, drawn round, turned by dragging.

import { el } from "../dom.js";

const SVG = "http://www.w3.org/2000/svg";
/** Degrees left and right of the top that a dial turns. */
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
 * @property {number} value and the one it goes back to on a double click
 * @property {(value: number) => string} text
 * @property {(value: number) => void} turned
 * @property {string} [hint]
 * @property {number} [origin] value from which the arc is drawn; the lowest without
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
  return `M${x0.toFixed(2)} ${y0.toFixed(2)}A${RADIUS} ${RADIUS} 0 ${b - a > 180 ? 1 : 0} 1 ${x1.toFixed(2)} ${y1.toFixed(2)}`;
}

/** @param {string} name */
function path(name) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", name);
  return element;
}

/** A labelled dial; `root` goes into the page. */
export class Dial {
  #options;
  #input;
  #output;
  #arc = path("arc");
  #hand = path("hand");

  /** @param {DialOptions} options */
  constructor(options) {
    this.#options = options;
    const { label, min, max, step, value, hint } = options;
    this.#input = el("input", { type: "range", min, max, step, value, "aria-label": label });
    this.#output = el("output");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 52 52");
    svg.setAttribute("aria-hidden", "true");
    const track = path("track");
    track.setAttribute("d", arc(-SWEEP, SWEEP));
    svg.append(track, this.#arc, this.#hand);
    const face = el("span", { class: "face" }, svg, this.#input);
    this.root = el("label", { class: "dial", title: hint ?? "" }, face, el("span", { class: "name" }, label), this.#output);
    this.#input.addEventListener("input", () => this.#turn());
    face.addEventListener("pointerdown", (event) => this.#drag(event, face));
    face.addEventListener("dblclick", () => this.set(value, true));
    this.#draw();
  }

  get value() {
    return Number(this.#input.value);
  }

  /**
   * @param {number} value
   * @param {boolean} [tells]
   */
  set(value, tells = false) {
    this.#input.value = String(value);
    if (tells) this.#turn();
    else this.#draw();
  }

  #turn() {
    this.#draw();
    this.#options.turned(this.value);
  }

  #draw() {
    const { min, max, text, origin = min } = this.#options;
    const angle = (/** @type {number} */ value) => -SWEEP + (2 * SWEEP * (value - min)) / (max - min);
    const now = angle(this.value);
    this.#arc.setAttribute("d", Math.abs(now - angle(origin)) < 0.5 ? "" : arc(angle(origin), now));
    const [x, y] = onRim(now);
    this.#hand.setAttribute("d", `M${(26 + (x - 26) * 0.35).toFixed(2)} ${(26 + (y - 26) * 0.35).toFixed(2)}L${(26 + (x - 26) * 0.78).toFixed(2)} ${(26 + (y - 26) * 0.78).toFixed(2)}`);
    const words = text(this.value);
    this.#output.textContent = words;
    this.#input.setAttribute("aria-valuetext", words);
  }

  /**
   * Up or to the right turns it up.
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
      const way = event.clientX - x + (y - event.clientY);
      const before = this.value;
      this.#input.value = String(from + (way / TRAVEL) * (max - min));
      if (this.value !== before) this.#turn();
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
