// @ts-check
// The selected piece as a row of sections: they can be dragged to another place, locked, drawn
// again, varied, doubled and removed.

import { newSeed } from "../api.js";
import { el, fill, icon, iconButton, requireElement } from "../dom.js";
import {
  doubled, moved, namesAfter, removed, replaced, sectionsOf, windowsBefore,
} from "../state/sections.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Section} Section */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */

/** Likeness of a variation to the original. */
const LIKENESS = 0.7;
/** Pixels that the pointer moves before a section is dragged. */
const SLACK = 6;

/** @param {App} app */
export function startSections(app) {
  new SectionRow(app);
}

class SectionRow {
  #app;
  #root = requireElement("#sections", HTMLElement);
  #list = el("ol", { "aria-label": "Sections" });
  #tools = el("div", { class: "section-tools", role: "toolbar", "aria-label": "Section" });
  #lock;
  #others;
  #buttons;
  /** Number of the chosen section. */
  #chosen = 0;
  /** @type {unknown} */
  #shown = null;
  #frame = 0;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const busy = (
      /** @type {HTMLButtonElement} */ button,
      /** @type {() => Promise<void>} */ work,
    ) => app.busy(button, work);
    this.#lock = iconButton("lock", "Keep this section", () => this.#toggleLock(), {
      "aria-pressed": "false", title: "Keep this section when others are drawn again (K)",
    });
    const again = iconButton("dice", "Draw this section again", () => {
      busy(again, () => this.#redraw([this.#chosen], null));
    }, { title: "Draw this section again (N)" });
    const vary = iconButton("vary", "Vary this section", () => {
      busy(vary, () => this.#redraw([this.#chosen], LIKENESS));
    }, { title: "Vary this section (V)" });
    const double = iconButton("double", "Repeat this section", () => this.#double(), {
      title: "Repeat this section (D)",
    });
    const remove = iconButton("trash", "Remove this section", () => this.#remove(), {
      title: "Remove this section (Delete)",
    });
    this.#others = el(
      "button",
      {
        type: "button", class: "small", id: "redraw-others",
        title: "Draws every section again that is not kept",
        onclick: () => busy(this.#others, () => this.#redraw(this.#open(), null)),
      },
      icon("dice"),
      el("span", {}, "Redraw the others"),
    );
    this.#buttons = { again, vary, double, remove };
    fill(this.#tools, this.#lock, again, vary, double, remove, this.#others);
    fill(this.#root, this.#list, this.#tools);
    this.#root.addEventListener("keydown", (event) => this.#key(event));
    for (const event of ["change", "current"]) {
      app.history.addEventListener(event, () => this.#draw());
    }
    app.session.addEventListener("styles", () => this.#draw());
    for (const event of ["start", "stop", "swap"]) {
      app.player.addEventListener(event, () => this.#follow());
    }
    this.#draw();
  }

  get #take() {
    const take = this.#app.history.current;
    return take && take.windows.length > 1 ? take : null;
  }

  #draw() {
    const take = this.#take;
    this.#root.hidden = !take;
    if (!take) return;
    const sections = sectionsOf(take);
    if (take.id !== this.#shown) {
      this.#shown = take.id;
      this.#chosen = 0;
    }
    this.#chosen = Math.min(this.#chosen, sections.length - 1);
    const hadFocus = this.#list.contains(document.activeElement);
    fill(this.#list, ...sections.map((section, i) => this.#block(take, sections, section, i)));
    const { locked } = sections[this.#chosen];
    this.#lock.setAttribute("aria-pressed", String(locked === true));
    const nLocked = sections.filter((section) => section.locked).length;
    this.#others.disabled = nLocked === 0 || nLocked === sections.length;
    this.#buttons.again.disabled = this.#buttons.vary.disabled = locked === true;
    this.#buttons.remove.disabled = sections.length < 2;
    if (hadFocus) this.#focus();
    this.#follow();
  }

  /**
   * @param {Take} take
   * @param {Section[]} sections
   * @param {Section} section
   * @param {number} i
   */
  #block(take, sections, { name, n, locked }, i) {
    const first = windowsBefore(sections, i);
    const windows = take.windows.slice(first, first + n);
    const [most] = this.#app.stylesOf(windows);
    const bars = n * this.#app.model.window_bars;
    const from = first * this.#app.model.window_bars + 1;
    const button = el(
      "button",
      {
        type: "button", class: "section", tabindex: i === this.#chosen ? "0" : "-1",
        "aria-pressed": String(i === this.#chosen),
        "aria-label": `Section ${name}, bars ${from} to ${from + bars - 1}`
          + (locked ? ", kept" : ""),
        title: most ? `${Math.round(100 * most.share)} % ${most.style.name}` : name,
      },
      el("span", {}, name),
    );
    if (locked) button.classList.add("kept");
    if (most) button.style.setProperty("--section", most.style.color);
    const item = el("li", {}, button);
    item.style.flexGrow = String(n);
    button.addEventListener("pointerdown", (event) => this.#grab(event, i));
    button.addEventListener("click", () => this.#choose(i));
    button.addEventListener("dblclick", () => this.#playFrom(i));
    return item;
  }

  /** @param {number} i */
  #choose(i) {
    this.#chosen = i;
    this.#draw();
    this.#focus();
  }

  #focus() {
    const button = this.#list.children[this.#chosen]?.firstElementChild;
    if (button instanceof HTMLElement) button.focus({ preventScroll: true });
  }

  /** @param {number} i */
  #playFrom(i) {
    const take = this.#take;
    if (!take) return;
    const before = take.windows.slice(0, windowsBefore(sectionsOf(take), i));
    const step = before.reduce((sum, { n_steps }) => sum + n_steps, 0);
    this.#app.attempt(() => this.#app.player.play(take, step));
  }

  /**
   * @param {PointerEvent} event
   * @param {number} i
   */
  #grab(event, i) {
    if (event.button !== 0) return;
    const start = event.clientX;
    const { pointerId } = event;
    let to = i;
    let isDragged = false;
    const stop = new AbortController();
    const blocks = () => /** @type {HTMLElement[]} */ ([...this.#list.children]);
    addEventListener("pointermove", (move) => {
      if (move.pointerId !== pointerId) return;
      if (!isDragged && Math.abs(move.clientX - start) < SLACK) return;
      isDragged = true;
      const middles = blocks().map((block) => {
        const { left, width } = block.getBoundingClientRect();
        return left + width / 2;
      });
      const others = middles.filter((_, at) => at !== i);
      to = others.filter((middle) => middle < move.clientX).length;
      blocks().forEach((block, at) => {
        block.classList.toggle("dragged", at === i);
        block.classList.toggle("before", to < i && at === to);
        block.classList.toggle("after", to > i && at === to);
      });
    }, { signal: stop.signal });
    const end = (/** @type {boolean} */ drops) => {
      stop.abort();
      if (!isDragged) return;
      // The click that ends the drag chooses nothing.
      const swallow = (/** @type {Event} */ click) => click.stopPropagation();
      addEventListener("click", swallow, { capture: true });
      setTimeout(() => {
        removeEventListener("click", swallow, { capture: true });
        this.#draw();
      });
      if (drops && to !== i) this.#move(i, to);
    };
    addEventListener("pointerup", () => end(true), { signal: stop.signal });
    addEventListener("pointercancel", () => end(false), { signal: stop.signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const take = this.#take;
    if (!take || event.ctrlKey || event.metaKey) return;
    const last = sectionsOf(take).length - 1;
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const to = Math.min(last, Math.max(0, this.#chosen + by));
    if (by && event.altKey) this.#move(this.#chosen, to);
    else if (by) this.#choose(to);
    else if (event.key === "k") this.#toggleLock();
    else if (event.key === "n") this.#buttons.again.click();
    else if (event.key === "v") this.#buttons.vary.click();
    else if (event.key === "d") this.#double();
    else if (event.key === "Delete" || event.key === "Backspace") this.#remove();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Numbers of the sections that are not kept. */
  #open() {
    const sections = this.#take ? sectionsOf(this.#take) : [];
    return sections.flatMap(({ locked }, i) => (locked ? [] : [i]));
  }

  /**
   * @param {Partial<Take>} change
   * @param {string} label
   */
  #edit(change, label) {
    const app = this.#app;
    const take = this.#take;
    if (!take) return;
    app.history.edit(take, change, label);
    if (app.player.isPlaying) app.player.swap(take);
    app.announce(label);
  }

  #toggleLock() {
    const take = this.#take;
    if (!take) return;
    const sections = sectionsOf(take).map((section, i) =>
      (i === this.#chosen ? { ...section, locked: !section.locked } : section));
    const { name, locked } = sections[this.#chosen];
    this.#edit({ sections }, `Section ${name} is ${locked ? "kept" : "open again"}`);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #move(from, to) {
    const take = this.#take;
    if (!take || from === to) return;
    const { name } = sectionsOf(take)[from];
    this.#chosen = to;
    this.#edit(moved(take, from, to), `Section ${name} moved`);
  }

  #double() {
    const take = this.#take;
    if (!take) return;
    const { n_windows } = this.#app.model.limits;
    const { name, n } = sectionsOf(take)[this.#chosen];
    if (take.windows.length + n > n_windows) {
      this.#app.announce("The piece is as long as it can be.");
      return;
    }
    this.#edit(doubled(take, this.#chosen), `Section ${name} repeated`);
  }

  #remove() {
    const take = this.#take;
    if (!take || sectionsOf(take).length < 2) return;
    const { name } = sectionsOf(take)[this.#chosen];
    this.#edit(removed(take, this.#chosen), `Section ${name} removed`);
  }

  /**
   * Draws sections again; the others stay.
   * @param {number[]} which
   * @param {number | null} likeness of variations; `null` for new music
   */
  async #redraw(which, likeness) {
    const app = this.#app;
    const take = this.#take;
    if (!take || !which.length) return;
    const sections = sectionsOf(take);
    const numbers = which.flatMap((i) => {
      const first = windowsBefore(sections, i);
      return Array.from({ length: sections[i].n }, (_, at) => first + at);
    });
    const shown = take.windows;
    const [most] = app.stylesOf(take.windows);
    const seed = newSeed();
    /** @type {{ windows: Window[] }} */
    const { windows } = await app.api.post("/redraw", {
      windows: shown.map(({ tokens }) => tokens),
      which: numbers,
      style: likeness === null ? most?.style.name ?? null : null,
      likeness,
      latent_temperature: app.session.dials.spread,
      candidates: app.session.dials.care,
      temperature: app.session.temperature,
      seed,
    });
    // It was edited meanwhile.
    if (take.windows !== shown) return;
    const isDrum = (/** @type {import("../types.js").Note} */ note) => app.player.isDrum(note);
    const names = namesAfter(sections, which, likeness !== null);
    const change = replaced(take, numbers, windows, isDrum);
    const text = names.map((name) => name).join(", ");
    const label = likeness === null ? `Drawn again: ${text}` : `Varied: ${text}`;
    const renamed = sections.map((section, i) => {
      const at = which.indexOf(i);
      return at < 0 ? section : { ...section, name: names[at] };
    });
    this.#edit({ ...change, sections: renamed, seed }, label);
  }

  /** Marks the section that is playing. */
  #follow() {
    cancelAnimationFrame(this.#frame);
    const take = this.#take;
    const { heard } = this.#app.player;
    let at = -1;
    if (take && heard) {
      let left = heard.step;
      const sections = sectionsOf(take);
      at = sections.findIndex((_, i) => {
        const first = windowsBefore(sections, i);
        const windows = take.windows.slice(first, first + sections[i].n);
        left -= windows.reduce((sum, { n_steps }) => sum + n_steps, 0);
        return left < 0;
      });
    }
    [...this.#list.children].forEach((item, i) => item.classList.toggle("heard", i === at));
    if (heard) this.#frame = requestAnimationFrame(() => this.#follow());
  }
}
