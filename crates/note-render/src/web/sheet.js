// @ts-check
// A page of pieces: each has a piano roll and a button; a bar at the bottom tells and steers what plays.

import { Player } from "./player.js";
import { Roll } from "./roll.js";

/** @typedef {import("./player.js").Score & { title: string, label: string }} Take */

/**
 * An element that the page has.
 * @template {Element} T
 * @param {string} selector
 * @param {new (...args: any[]) => T} type
 * @param {ParentNode} [within]
 * @returns {T}
 */
function the(selector, type, within = document) {
  const element = within.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page has no ${selector}`);
  return element;
}

/**
 * Seconds as minutes and seconds.
 * @param {number} seconds
 */
function clockText(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * What a take is called.
 * @param {Take} take
 */
function nameOf(take) {
  return take.label ? `${take.title}, ${take.label}` : take.title;
}

/** A take on the page. */
class Card {
  /**
   * @param {HTMLElement} figure
   * @param {Take} take
   */
  constructor(figure, take) {
    this.figure = figure;
    this.take = take;
    this.button = the("button.play", HTMLButtonElement, figure);
    this.word = the(".word", HTMLElement, this.button);
    this.canvas = the("canvas", HTMLCanvasElement, figure);
    this.roll = new Roll(this.canvas, take);
    this.isSeen = false;
  }

  /** @param {boolean} isPlaying */
  mark(isPlaying) {
    this.figure.classList.toggle("playing", isPlaying);
    this.button.setAttribute("aria-pressed", String(isPlaying));
    this.button.setAttribute("aria-label", `${isPlaying ? "Stop" : "Play"} ${nameOf(this.take)}`);
    this.word.textContent = isPlaying ? "Stop" : "Play";
    if (!isPlaying) this.roll.draw(null);
  }
}

/** The whole page. */
class Page {
  #player = new Player();
  /** @type {Card[]} */
  #cards = [];
  /** What plays, or played last. */
  #current = -1;
  #toggle = the("#toggle", HTMLButtonElement);
  #loop = the("#loop", HTMLButtonElement);
  #now = the("#now", HTMLElement);
  #clock = the("#clock", HTMLElement);

  /** @param {Take[]} takes */
  constructor(takes) {
    for (const figure of document.querySelectorAll("figure[data-take]")) {
      if (!(figure instanceof HTMLElement)) continue;
      const take = takes[Number(figure.dataset.take)];
      if (take) this.#cards.push(new Card(figure, take));
    }
    this.#cards.forEach((card, index) => this.#bring(card, index));
    this.#watch();
    this.#player.addEventListener("stop", (event) => {
      this.#mark(false);
      if (event instanceof CustomEvent && event.detail === "ended") this.#now.textContent = "Nothing plays";
    });
    this.#toggle.addEventListener("click", () => this.#startOrStop());
    this.#loop.addEventListener("click", () => this.#turnLoop());
    the("#previous", HTMLButtonElement).addEventListener("click", () => this.#step(-1));
    the("#next", HTMLButtonElement).addEventListener("click", () => this.#step(1));
    const volume = the("#volume", HTMLInputElement);
    this.#player.volume = Number(volume.value);
    volume.addEventListener("input", () => (this.#player.volume = Number(volume.value)));
    document.addEventListener("keydown", (event) => this.#key(event));
    // For tests, and for the curious.
    Object.assign(document, { player: this.#player });
  }

  /**
   * @param {Card} card
   * @param {number} index
   */
  #bring(card, index) {
    card.button.addEventListener("click", () => {
      if (this.#player.score === card.take) this.#player.stop();
      else this.#play(index);
    });
    card.canvas.addEventListener("click", (event) => this.#play(index, card.roll.timeAt(event.clientX)));
  }

  /** Draws rolls when they come into sight, and again when their size or colours change. */
  #watch() {
    const cardOf = new Map(this.#cards.map((card) => [/** @type {Element} */ (card.canvas), card]));
    const inSight = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const card = cardOf.get(target);
          if (!card) continue;
          if (isIntersecting && !card.isSeen) card.roll.refresh();
          card.isSeen = card.isSeen || isIntersecting;
        }
      },
      { rootMargin: "400px" },
    );
    const sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const card = cardOf.get(target);
        if (card?.isSeen) card.roll.refresh();
      }
    });
    for (const canvas of cardOf.keys()) {
      inSight.observe(canvas);
      sizes.observe(canvas);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const card of this.#cards) if (card.isSeen) card.roll.refresh();
    });
  }

  /**
   * @param {number} index
   * @param {number} [from]
   */
  async #play(index, from = 0) {
    const card = this.#cards[index];
    if (!card) return;
    this.#current = index;
    await this.#player.play(card.take, { from });
    if (this.#player.score !== card.take) return;
    this.#mark(true);
    this.#now.textContent = nameOf(card.take);
    card.figure.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.#follow();
  }

  #startOrStop() {
    if (this.#player.isPlaying) this.#player.stop();
    else this.#play(Math.max(0, this.#current));
  }

  #turnLoop() {
    this.#player.loop = !this.#player.loop;
    this.#loop.setAttribute("aria-pressed", String(this.#player.loop));
  }

  /** @param {number} by */
  #step(by) {
    const n = this.#cards.length;
    if (n) this.#play(this.#current < 0 ? 0 : (this.#current + by + n) % n);
  }

  /** @param {boolean} isPlaying */
  #mark(isPlaying) {
    this.#cards.forEach((card, index) => {
      const plays = isPlaying && index === this.#current;
      if (plays || card.figure.classList.contains("playing")) card.mark(plays);
    });
    this.#toggle.setAttribute("aria-label", isPlaying ? "Stop" : "Play");
    the("span", HTMLElement, this.#toggle).textContent = isPlaying ? "■" : "▶";
    if (!isPlaying) this.#clock.textContent = "";
  }

  /** Moves the playhead while something plays. */
  #follow() {
    const card = this.#cards[this.#current];
    if (!card || this.#player.score !== card.take) return;
    card.roll.draw(this.#player.position);
    const text = `${clockText(this.#player.position)} / ${clockText(card.take.seconds)}`;
    if (this.#clock.textContent !== text) this.#clock.textContent = text;
    requestAnimationFrame(() => this.#follow());
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    // Keys that the element under the focus has a use for are its own.
    const isControl = target instanceof Element && target.closest("button, a, input") !== null;
    if (target instanceof HTMLInputElement) return;
    switch (event.key) {
      case " ":
        if (isControl) return;
        this.#startOrStop();
        break;
      case "n":
      case "ArrowRight":
        this.#step(1);
        break;
      case "p":
      case "ArrowLeft":
        this.#step(-1);
        break;
      case "l":
        this.#turnLoop();
        break;
      case "Escape":
        this.#player.stop();
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}

/** @type {{ format: string, version: number, takes: Take[] }} */
const sheetData = JSON.parse(the("#data", HTMLScriptElement).textContent ?? "");
new Page(sheetData.takes);
