// @ts-check
// Edits the selected piece in the piano roll, with pointer and keys, and shows the model's version
// of it.

import { requireElement } from "../dom.js";
import { added, changed, noteName, removed, replaced } from "../state/notes.js";
import { onTheme } from "../ui/theme.js";
import { Listening } from "./listening.js";
import { KEYS, RULER, Roll } from "./roll.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */
/**
 * @typedef {object} Drag
 * @property {Note | null} original `null` for a new note
 * @property {Note} current
 * @property {"move" | "length"} kind
 * @property {number} x start of the drag
 * @property {number} y
 * @property {boolean} hasMoved
 */

/** Pixels at the end of a note that change its length. */
const EDGE = 7;
/** Milliseconds within which two clicks are a double click. */
const DOUBLE_CLICK = 600;
const EMPTY = "Click a point on the map, drag the puck, or generate: your music is shown here";

/** The piano roll with its editing operations. */
export class Editor {
  /** @type {Note | null} */
  selected = null;
  #app;
  #canvas = requireElement("#roll", HTMLCanvasElement);
  roll = new Roll(this.#canvas);
  /**
   * The note being dragged: its original, and its current state.
   * @type {Drag | null}
   */
  #drag = null;
  #isScrubbing = false;
  /** Length of the last added note in steps. */
  #length = 2;
  /** Time when a note was added last. */
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
    canvas.addEventListener("pointercancel", () => this.#cancelDrag());
    canvas.addEventListener("dblclick", (event) => this.#double(event));
    canvas.addEventListener("contextmenu", (event) => this.#menu(event));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.refresh()).observe(canvas);
    app.history.addEventListener("current", () => this.#onCurrent());
    app.history.addEventListener("change", () => this.refresh());
    this.listening.addEventListener("heard", () => this.refresh());
    for (const event of ["start", "swap", "stop"]) {
      app.player.addEventListener(event, () => this.refresh());
    }
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
      this.#drag = null;
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
    if (heard && take && this.roll.span < take.n_steps && !this.#drag) {
      this.#follow(heard.step, take.n_steps);
    }
    const drag = this.#drag;
    const notes = take?.notes ?? [];
    this.roll.draw({
      notes: drag ? [...notes.filter((note) => note !== drag.original), drag.current] : notes,
      n_steps: take?.n_steps ?? model.window_steps,
      ghosts: take ? this.listening.ghosts(take) : [],
      selected: drag ? drag.current : this.selected,
      cursor: heard ? heard.step : null,
      stepsPerQuarter: model.steps_per_quarter,
      stepsPerBar: model.steps_per_bar,
      isDrums: model.voices.length > 0 && model.voices.every(({ drums }) => drums),
      empty: EMPTY,
    });
    if (heard) this.refresh();
  }

  /**
   * Scrolls by a page when the playhead leaves the view.
   * @param {number} step
   * @param {number} nSteps
   */
  #follow(step, nSteps) {
    const { from, span } = this.roll;
    if (step < from || step > from + span * 0.95) {
      this.roll.scroll(step - from - span * 0.05, nSteps);
    }
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
  #announce(note) {
    this.#app.announce(
      `${noteName(note.pitch)}, step ${note.start + 1}, length ${note.end - note.start}`,
    );
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
    return this.#take?.notes.findLast(
      (note) => note.pitch === pitch && note.start <= step && step < note.end,
    ) ?? null;
  }

  /** @param {Note} note */
  #edgeWidth(note) {
    return Math.min(EDGE, (this.roll.x(note.end) - this.roll.x(note.start)) / 3);
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
      const edge = this.#edgeWidth(note);
      const kind = this.roll.x(note.end) - x <= edge ? "length" : "move";
      this.selected = note;
      this.#drag = { original: note, current: note, kind, x, y, hasMoved: false };
      this.#announce(note);
    } else {
      const start = Math.min(take.n_steps - 1, Math.max(0, Math.floor(this.roll.stepAt(x))));
      const newNote = {
        pitch: this.roll.pitchAt(y),
        start,
        end: Math.min(take.n_steps, start + this.#length),
        voice: 0,
      };
      this.#drag = {
        original: null,
        current: newNote,
        kind: "length",
        x: this.roll.x(newNote.end),
        y,
        hasMoved: false,
      };
    }
    if (!this.#app.player.isPlaying) this.#app.player.touch(this.#drag.current.pitch);
    this.refresh();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { x, y } = this.#at(event);
    const drag = this.#drag;
    if (this.#isScrubbing) {
      this.#seek(x);
      return;
    }
    const take = this.#take;
    if (!drag || !take) {
      const note = take && y >= RULER ? this.#noteAt(x, y) : null;
      const atEdge = note && this.roll.x(note.end) - x <= this.#edgeWidth(note);
      this.#canvas.dataset.cursor = y < RULER ? "seek" : atEdge ? "length" : note ? "note" : "";
      return;
    }
    const steps = Math.round(((x - drag.x) / (this.roll.width - KEYS)) * this.roll.span);
    const semitones = this.roll.pitchAt(y) - this.roll.pitchAt(drag.y);
    const from = drag.original ?? drag.current;
    if (drag.kind === "length" && !drag.original) {
      const end = Math.min(
        take.n_steps,
        Math.max(drag.current.start + 1, Math.ceil(this.roll.stepAt(x))),
      );
      if (Math.abs(x - drag.x) > 6 || drag.hasMoved) {
        drag.current = { ...drag.current, end };
        drag.hasMoved = true;
      }
    } else {
      const by = drag.kind === "length" ? { longer: steps } : { steps, semitones };
      const edited = changed(from, by, take.n_steps);
      if (edited.pitch !== drag.current.pitch && !this.#app.player.isPlaying) {
        this.#app.player.touch(edited.pitch);
      }
      drag.hasMoved ||= steps !== 0 || semitones !== 0;
      drag.current = drag.hasMoved ? edited : drag.current;
    }
    this.refresh();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#isScrubbing = false;
    this.#canvas.releasePointerCapture(event.pointerId);
    const drag = this.#drag;
    const take = this.#take;
    this.#drag = null;
    if (!drag || !take) return;
    this.#length = drag.current.end - drag.current.start;
    if (!drag.original) {
      this.#drawn = performance.now();
      this.#commit(added(take.notes, drag.current), "adding a note", drag.current);
    }
    const isEdited = JSON.stringify(drag.current) !== JSON.stringify(drag.original);
    if (drag.original && drag.hasMoved && isEdited) {
      this.#commit(
        replaced(take.notes, drag.original, drag.current),
        drag.kind === "length" ? "changing a note's length" : "moving a note",
        drag.current,
      );
    }
    if (drag.hasMoved || !drag.original) this.#announce(drag.current);
    this.refresh();
  }

  #cancelDrag() {
    this.#drag = null;
    this.#isScrubbing = false;
    this.refresh();
  }

  /** @param {MouseEvent} event */
  #double(event) {
    const { x, y } = this.#at(event);
    const note = y >= RULER ? this.#noteAt(x, y) : null;
    // The first click of a double click on an empty place has added the note, which should stay.
    if (note && performance.now() - this.#drawn > DOUBLE_CLICK) this.#delete(note);
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
    this.#app.announce("Note removed");
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
    if (event.ctrlKey) {
      this.roll.zoom(
        Math.exp(event.deltaY * 0.01),
        take.n_steps,
        this.roll.stepAt(this.#at(event).x),
      );
    } else {
      this.roll.scroll(
        ((event.deltaX + event.deltaY) / this.roll.width) * this.roll.span,
        take.n_steps,
      );
    }
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
        return event.altKey
          ? this.#change({ longer: by }, "changing a note's length")
          : this.#change({ steps: by }, "moving a note");
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
    this.#announce(this.selected);
    this.refresh();
  }

  /** @param {import("../types.js").Take} take */
  #insert(take) {
    const after = this.selected ?? {
      pitch: Math.round((this.roll.low + this.roll.high) / 2),
      start: 0,
      end: 0,
      voice: 0,
    };
    const start = Math.min(take.n_steps - 1, after.end);
    const note = {
      pitch: after.pitch,
      start,
      end: Math.min(take.n_steps, start + this.#length),
      voice: 0,
    };
    this.#commit(added(take.notes, note), "adding a note", note);
    this.#app.player.isPlaying || this.#app.player.touch(note.pitch);
    this.#announce(note);
  }

  /**
   * @param {Parameters<typeof changed>[1]} by
   * @param {string} label
   */
  #change(by, label) {
    const take = this.#take;
    const note = this.selected;
    if (!take || !note) return false;
    const edited = changed(note, by, take.n_steps);
    this.roll.show(edited.pitch);
    this.#commit(replaced(take.notes, note, edited), label, edited);
    if (edited.pitch !== note.pitch && !this.#app.player.isPlaying) {
      this.#app.player.touch(edited.pitch);
    }
    this.#announce(edited);
    return true;
  }
}
