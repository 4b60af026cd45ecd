// @ts-check
// A page of pieces, each with a piano roll and a button; a transport bar at the bottom shows and
// controls playback.

import { Player } from "./player.js";
import { Roll } from "./roll.js";

/** @typedef {import("./player.js").Score & { title: string, label: string }} Take */

/**
 * Returns an element that must exist on the page.
 * @template {Element} T
 * @param {string} selector
 * @param {new (...args: any[]) => T} type
 * @param {ParentNode} [within]
 * @returns {T}
 */
function requireElement(selector, type, within = document) {
  const element = within.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page has no ${selector}`);
  return element;
}

/**
 * Formats seconds as minutes and seconds.
 * @param {number} seconds
 */
function clockText(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * The full name of a take.
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
    this.button = requireElement("button.play", HTMLButtonElement, figure);
    this.word = requireElement(".word", HTMLElement, this.button);
    this.canvas = requireElement("canvas", HTMLCanvasElement, figure);
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
  /** Index of the current or last played card. */
  #current = -1;
  #toggle = requireElement("#toggle", HTMLButtonElement);
  #loop = requireElement("#loop", HTMLButtonElement);
  #now = requireElement("#now", HTMLElement);
  #clock = requireElement("#clock", HTMLElement);

  /** @param {Take[]} takes */
  constructor(takes) {
    for (const figure of document.querySelectorAll("figure[data-take]")) {
      if (!(figure instanceof HTMLElement)) continue;
      const take = takes[Number(figure.dataset.take)];
      if (take) this.#cards.push(new Card(figure, take));
    }
    this.#cards.forEach((card, index) => this.#bind(card, index));
    this.#observe();
    this.#player.addEventListener("stop", (event) => {
      this.#mark(false);
      if (event instanceof CustomEvent && event.detail === "ended") {
        this.#now.textContent = "Nothing is playing";
      }
    });
    this.#toggle.addEventListener("click", () => this.#startOrStop());
    this.#loop.addEventListener("click", () => this.#toggleLoop());
    requireElement("#previous", HTMLButtonElement).addEventListener("click", () => this.#step(-1));
    requireElement("#next", HTMLButtonElement).addEventListener("click", () => this.#step(1));
    const volume = requireElement("#volume", HTMLInputElement);
    this.#player.volume = Number(volume.value);
    volume.addEventListener("input", () => (this.#player.volume = Number(volume.value)));
    document.addEventListener("keydown", (event) => this.#onKey(event));
    // For tests and debugging.
    Object.assign(document, { player: this.#player });
  }

  /**
   * @param {Card} card
   * @param {number} index
   */
  #bind(card, index) {
    card.button.addEventListener("click", () => {
      if (this.#player.score === card.take) this.#player.stop();
      else this.#play(index);
    });
    card.canvas.addEventListener(
      "click",
      (event) => this.#play(index, card.roll.timeAt(event.clientX)),
    );
  }

  /** Draws piano rolls when they become visible, and again when their size or colors change. */
  #observe() {
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

  #toggleLoop() {
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
    requireElement("span", HTMLElement, this.#toggle).textContent = isPlaying ? "■" : "▶";
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
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    // Elements that use a key themselves take precedence.
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
        this.#toggleLoop();
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
const sheetData = JSON.parse(requireElement("#data", HTMLScriptElement).textContent ?? "");
new Page(sheetData.takes);
