// @ts-check
// Edits the chosen piece in its roll, by pointer and by keys; the model then tells what it makes of it.

import { the } from "../dom.js";
import { added, changed, noteName, removed, replaced } from "../state/notes.js";
import { onTheme } from "../ui/theme.js";
import { Listening } from "./listening.js";
import { KEYS, RULER, Roll } from "./roll.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */

/** Pixels at a note's end that pull its length. */
const EDGE = 7;
/** Milliseconds within which two clicks are one double click. */
const DOUBLE = 600;
const EMPTY = "Click a point on the map, drag the puck, or generate: what you make is shown here";

/** The roll and what one does in it. */
export class Editor {
  /** @type {Note | null} */
  selected = null;
  #app;
  #canvas = the("#roll", HTMLCanvasElement);
  roll = new Roll(this.#canvas);
  /** What is under way with the pointer: the note as it was, and as it is shown.
   * @type {{ was: Note | null, is: Note, kind: "move" | "length", x: number, y: number, hasMoved: boolean } | null} */
  #hand = null;
  #isScrubbing = false;
  /** Steps of the note that was drawn last. */
  #length = 2;
  /** When a note was drawn last. */
  #drawn = 0;
  #frame = 0;
  /** @type {unknown} */
  #shown = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.listening = new Listening(app);
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#drop());
    canvas.addEventListener("dblclick", (event) => this.#double(event));
    canvas.addEventListener("contextmenu", (event) => this.#menu(event));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.refresh()).observe(canvas);
    app.history.addEventListener("current", () => this.#onCurrent());
    app.history.addEventListener("change", () => this.refresh());
    this.listening.addEventListener("heard", () => this.refresh());
    for (const event of ["start", "swap", "stop"]) app.player.addEventListener(event, () => this.refresh());
    onTheme(() => this.refresh());
    this.refresh();
  }

  get #take() {
    return this.#app.history.current;
  }

  #onCurrent() {
    const take = this.#take;
    if (take && !take.notes.includes(/** @type {Note} */ (this.selected))) this.selected = null;
    if (take?.id !== this.#shown) {
      this.#shown = take?.id;
      this.#hand = null;
      if (take) this.roll.fit(take.notes, take.n_steps);
    }
    for (const { pitch } of take?.notes ?? []) this.roll.show(pitch);
    this.refresh();
  }

  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const { player, model } = this.#app;
    const take = this.#take;
    const heard = player.heard;
    if (heard && take && this.roll.span < take.n_steps && !this.#hand) this.#follow(heard.step, take.n_steps);
    const hand = this.#hand;
    const notes = take?.notes ?? [];
    this.roll.draw({
      notes: hand ? [...notes.filter((note) => note !== hand.was), hand.is] : notes,
      n_steps: take?.n_steps ?? model.window_steps,
      ghosts: take ? this.listening.ghosts(take) : [],
      selected: hand ? hand.is : this.selected,
      cursor: heard ? heard.step : null,
      stepsPerQuarter: model.steps_per_quarter,
      stepsPerBar: model.steps_per_bar,
      isDrums: model.voices.length > 0 && model.voices.every(({ drums }) => drums),
      empty: EMPTY,
    });
    if (heard) this.refresh();
  }

  /**
   * Turns the page when the playhead leaves it.
   * @param {number} step
   * @param {number} nSteps
   */
  #follow(step, nSteps) {
    const { from, span } = this.roll;
    if (step < from || step > from + span * 0.95) this.roll.scroll(step - from - span * 0.05, nSteps);
  }

  /**
   * @param {Note[]} notes
   * @param {string} label
   * @param {Note | null} selected
   */
  #commit(notes, label, selected) {
    const take = this.#take;
    if (!take) return;
    this.selected = selected;
    this.#app.history.edit(take, { notes, edited: true, windows: take.windows }, label);
    if (this.#app.player.isPlaying) this.#app.player.swap(take);
    this.listening.changed(take);
    this.refresh();
  }

  /** @param {Note} note */
  #tell(note) {
    this.#app.say(`${noteName(note.pitch)}, step ${note.start + 1}, ${note.end - note.start} long`);
  }

  /** @param {MouseEvent} event */
  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #noteAt(x, y) {
    const [step, pitch] = [this.roll.stepAt(x), this.roll.pitchAt(y)];
    return this.#take?.notes.findLast((note) => note.pitch === pitch && note.start <= step && step < note.end) ?? null;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const take = this.#take;
    if (!take || event.button !== 0) return;
    const { x, y } = this.#at(event);
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    if (y < RULER) {
      this.#isScrubbing = true;
      this.#seek(x);
      return;
    }
    if (x < KEYS) {
      this.#app.player.touch(this.roll.pitchAt(y));
      return;
    }
    const note = this.#noteAt(x, y);
    if (note) {
      const edge = Math.min(EDGE, (this.roll.x(note.end) - this.roll.x(note.start)) / 3);
      const kind = this.roll.x(note.end) - x <= edge ? "length" : "move";
      this.selected = note;
      this.#hand = { was: note, is: note, kind, x, y, hasMoved: false };
      this.#tell(note);
    } else {
      const start = Math.min(take.n_steps - 1, Math.max(0, Math.floor(this.roll.stepAt(x))));
      const is = { pitch: this.roll.pitchAt(y), start, end: Math.min(take.n_steps, start + this.#length), voice: 0 };
      this.#hand = { was: null, is, kind: "length", x: this.roll.x(is.end), y, hasMoved: false };
    }
    if (!this.#app.player.isPlaying) this.#app.player.touch(this.#hand.is.pitch);
    this.refresh();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { x, y } = this.#at(event);
    const hand = this.#hand;
    if (this.#isScrubbing) {
      this.#seek(x);
      return;
    }
    const take = this.#take;
    if (!hand || !take) {
      const note = take && y > RULER ? this.#noteAt(x, y) : null;
      const atEdge = note && this.roll.x(note.end) - x <= Math.min(EDGE, (this.roll.x(note.end) - this.roll.x(note.start)) / 3);
      this.#canvas.dataset.cursor = y < RULER ? "seek" : atEdge ? "length" : note ? "note" : "";
      return;
    }
    const steps = Math.round(((x - hand.x) / (this.roll.width - KEYS)) * this.roll.span);
    const semitones = this.roll.pitchAt(y) - this.roll.pitchAt(hand.y);
    const from = hand.was ?? hand.is;
    if (hand.kind === "length" && !hand.was) {
      const end = Math.min(take.n_steps, Math.max(hand.is.start + 1, Math.ceil(this.roll.stepAt(x))));
      if (Math.abs(x - hand.x) > 6 || hand.hasMoved) {
        hand.is = { ...hand.is, end };
        hand.hasMoved = true;
      }
    } else {
      const by = hand.kind === "length" ? { longer: steps } : { steps, semitones };
      const is = changed(from, by, take.n_steps);
      if (is.pitch !== hand.is.pitch && !this.#app.player.isPlaying) this.#app.player.touch(is.pitch);
      hand.hasMoved ||= steps !== 0 || semitones !== 0;
      hand.is = hand.hasMoved ? is : hand.is;
    }
    this.refresh();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#isScrubbing = false;
    this.#canvas.releasePointerCapture(event.pointerId);
    const hand = this.#hand;
    const take = this.#take;
    this.#hand = null;
    if (!hand || !take) return;
    this.#length = hand.is.end - hand.is.start;
    if (!hand.was) {
      this.#drawn = performance.now();
      this.#commit(added(take.notes, hand.is), "adding a note", hand.is);
    }
    if (hand.was && hand.hasMoved && JSON.stringify(hand.is) !== JSON.stringify(hand.was)) {
      this.#commit(replaced(take.notes, hand.was, hand.is), hand.kind === "length" ? "a note's length" : "moving a note", hand.is);
    }
    if (hand.hasMoved || !hand.was) this.#tell(hand.is);
    this.refresh();
  }

  #drop() {
    this.#hand = null;
    this.#isScrubbing = false;
    this.refresh();
  }

  /** @param {MouseEvent} event */
  #double(event) {
    const { x, y } = this.#at(event);
    const note = y > RULER ? this.#noteAt(x, y) : null;
    // The first click of two on an empty place has drawn the note; that it stays is meant.
    if (note && performance.now() - this.#drawn > DOUBLE) this.#delete(note);
  }

  /** @param {MouseEvent} event */
  #menu(event) {
    event.preventDefault();
    const { x, y } = this.#at(event);
    const note = this.#noteAt(x, y);
    if (note) this.#delete(note);
  }

  /** @param {Note} note */
  #delete(note) {
    const take = this.#take;
    if (take) this.#commit(removed(take.notes, note), "removing a note", null);
    this.#app.say("Note removed");
  }

  /** @param {number} x */
  #seek(x) {
    const take = this.#take;
    if (!take) return;
    const step = Math.min(take.n_steps - 1, Math.max(0, this.roll.stepAt(x)));
    if (this.#app.player.isPlaying) this.#app.player.seek(step);
    else this.#app.player.play(take, step);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const take = this.#take;
    if (!take) return;
    event.preventDefault();
    if (event.ctrlKey) this.roll.zoom(Math.exp(event.deltaY * 0.01), take.n_steps, this.roll.stepAt(this.#at(event).x));
    else this.roll.scroll(((event.deltaX + event.deltaY) / this.roll.width) * this.roll.span, take.n_steps);
    this.refresh();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const take = this.#take;
    if (!take || event.ctrlKey || event.metaKey) return;
    if (!this.#apply(event, take)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {import("../types.js").Take} take
   */
  #apply(event, take) {
    const note = this.selected;
    const { steps_per_quarter } = this.#app.model;
    const wide = event.shiftKey ? steps_per_quarter : 1;
    const far = event.shiftKey ? 12 : 1;
    switch (event.key) {
      case ",":
      case ".":
        this.#choose(event.key === "." ? 1 : -1);
        return true;
      case "+":
      case "=":
      case "-":
        this.roll.zoom(event.key === "-" ? 1.3 : 1 / 1.3, take.n_steps);
        this.refresh();
        return true;
      case "Insert":
      case "i":
        this.#insert(take);
        return true;
      case "Delete":
      case "Backspace":
        if (note) this.#delete(note);
        return note !== null;
      case "ArrowLeft":
      case "ArrowRight": {
        const by = event.key === "ArrowRight" ? wide : -wide;
        return event.altKey ? this.#change({ longer: by }, "a note's length") : this.#change({ steps: by }, "moving a note");
      }
      case "ArrowUp":
      case "ArrowDown":
        return this.#change({ semitones: event.key === "ArrowUp" ? far : -far }, "moving a note");
      case "Escape":
        if (!note) return false;
        this.selected = null;
        this.refresh();
        return true;
      default:
        return false;
    }
  }

  /** @param {number} by */
  #choose(by) {
    const notes = this.#take?.notes ?? [];
    if (!notes.length) return;
    const place = this.selected ? notes.indexOf(this.selected) : by > 0 ? -1 : notes.length;
    this.selected = notes[(place + by + notes.length) % notes.length];
    const { from, span } = this.roll;
    if (this.selected.start < from || this.selected.end > from + span) {
      this.roll.scroll(this.selected.start - from - span / 4, this.#take?.n_steps ?? span);
    }
    this.#tell(this.selected);
    this.refresh();
  }

  /** @param {import("../types.js").Take} take */
  #insert(take) {
    const after = this.selected ?? { pitch: Math.round((this.roll.low + this.roll.high) / 2), start: 0, end: 0, voice: 0 };
    const start = Math.min(take.n_steps - 1, after.end);
    const note = { pitch: after.pitch, start, end: Math.min(take.n_steps, start + this.#length), voice: 0 };
    this.#commit(added(take.notes, note), "adding a note", note);
    this.#app.player.isPlaying || this.#app.player.touch(note.pitch);
    this.#tell(note);
  }

  /**
   * @param {Parameters<typeof changed>[1]} by
   * @param {string} label
   */
  #change(by, label) {
    const take = this.#take;
    const note = this.selected;
    if (!take || !note) return false;
    const is = changed(note, by, take.n_steps);
    this.roll.show(is.pitch);
    this.#commit(replaced(take.notes, note, is), label, is);
    if (is.pitch !== note.pitch && !this.#app.player.isPlaying) this.#app.player.touch(is.pitch);
    this.#tell(is);
    return true;
  }
}
