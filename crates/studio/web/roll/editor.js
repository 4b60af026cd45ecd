// @ts-check
// Edits the selected piece in the piano roll, with pointer and keys, and shows the model's version
// of it.

import { requireElement } from "../dom.js";
import { added, allChanged, allReplaced, noteName, windowSteps } from "../state/notes.js";
import { inScale, tonicOf } from "../state/scale.js";
import { onTheme } from "../ui/theme.js";
import { Commands } from "./commands.js";
import { Listening } from "./listening.js";
import { KEYS, RULER, Roll } from "./roll.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */
/**
 * Notes being dragged: the one under the pointer is the last.
 * @typedef {object} Drag
 * @property {Note[]} originals empty for a new note
 * @property {Note[]} current
 * @property {"move" | "length"} kind
 * @property {number} x start of the drag
 * @property {number} y
 * @property {boolean} hasMoved
 */

/** Pixels at the end of a note that change its length. */
const EDGE = 7;
/** Milliseconds within which two clicks are a double click. */
const DOUBLE_CLICK = 600;
/** Maximum number of bars shown at first. */
const MAX_BARS = 8;
const EMPTY = "Touch the map: your music is shown here";

/** The piano roll with its editing operations. */
export class Editor {
  /**
   * The selected notes; the last one is the current one.
   * @type {Note[]}
   */
  selection = [];
  #app;
  #canvas = requireElement("#roll", HTMLCanvasElement);
  roll = new Roll(this.#canvas);
  /** @type {Drag | null} */
  #drag = null;
  /**
   * The area in which notes are being selected.
   * @type {import("./roll.js").Area | null}
   */
  #area = null;
  #isScrubbing = false;
  /** Length of the last added note in steps. */
  length = 2;
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
    const commands = new Commands(app, this);
    canvas.addEventListener("keydown", (event) => commands.key(event));
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

  /** Steps per bar, by the meter of the piece. */
  get #stepsPerBar() {
    const { model } = this.#app;
    const take = this.#take;
    const [first] = take ? windowSteps(take, model.window_steps) : [model.window_steps];
    return first / Math.max(1, model.window_bars);
  }

  /** The current note. */
  get selected() {
    return this.selection[this.selection.length - 1] ?? null;
  }

  #onCurrent() {
    const take = this.#take;
    this.selection = this.selection.filter((note) => take?.notes.includes(note));
    if (take?.id !== this.#shown) {
      this.#shown = take?.id;
      this.#drag = null;
      if (take) this.roll.fit(take.notes, take.n_steps, MAX_BARS * this.#stepsPerBar);
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
      notes: drag
        ? [...notes.filter((note) => !drag.originals.includes(note)), ...drag.current]
        : notes,
      n_steps: take?.n_steps ?? model.window_steps,
      ghosts: take ? this.listening.ghosts(take) : [],
      selected: drag ? drag.current : this.selection,
      area: this.#area,
      cursor: heard ? heard.step : null,
      stepsPerQuarter: model.steps_per_quarter,
      stepsPerBar: this.#stepsPerBar,
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
   * Changes the notes of the piece.
   * @param {Note[]} notes
   * @param {string} label
   * @param {Note[]} selection
   */
  commit(notes, label, selection) {
    const take = this.#take;
    if (!take) return;
    this.selection = selection;
    this.#app.history.edit(take, { notes, edited: true, windows: take.windows }, label);
    if (this.#app.player.isPlaying) this.#app.player.swap(take);
    this.listening.changed(take);
    this.refresh();
  }

  /**
   * Moves notes into the scale of the piece, if edits keep to it.
   * @param {Note[]} notes
   * @param {number} [direction] where they were moved: up or down
   */
  inTune(notes, direction = 0) {
    return this.#app.session.keepsScale ? this.#scaled(notes, direction) : notes;
  }

  /**
   * @param {Note[]} notes
   * @param {number} direction
   */
  #scaled(notes, direction) {
    const take = this.#take;
    const { player, model } = this.#app;
    if (!take) return notes;
    const isDrum = (/** @type {Note} */ note) => player.isDrum(note);
    const tonic = tonicOf(take, model.in_one_key, isDrum);
    return notes.map((note) => {
      const pitch = isDrum(note) ? note.pitch : inScale(note.pitch, tonic, direction);
      return pitch === note.pitch ? note : { ...note, pitch };
    });
  }

  /** Moves all notes of the piece into its scale. */
  intoScale() {
    const take = this.#take;
    if (!take) return;
    const notes = this.#scaled(take.notes, 0);
    const n = notes.filter((note, i) => note !== take.notes[i]).length;
    if (n) this.commit(notes, "moving notes into the scale", []);
    this.#app.announce(n === 1 ? "One note moved" : `${n || "No"} notes moved into the scale`);
  }

  /** @param {Note} note */
  announce(note) {
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
    if (event.shiftKey) {
      this.#area = { from: { x, y }, to: { x, y } };
      return;
    }
    const note = this.#noteAt(x, y);
    if (note) {
      const edge = this.#edgeWidth(note);
      const kind = this.roll.x(note.end) - x <= edge ? "length" : "move";
      // Dragging a selected note moves the whole selection.
      const isSelected = this.selection.includes(note);
      this.selection = isSelected
        ? [...this.selection.filter((other) => other !== note), note]
        : [note];
      const originals = this.selection;
      this.#drag = { originals, current: originals, kind, x, y, hasMoved: false };
      this.announce(note);
    } else {
      const start = Math.min(take.n_steps - 1, Math.max(0, Math.floor(this.roll.stepAt(x))));
      const [newNote] = this.inTune([
        {
          pitch: this.roll.pitchAt(y),
          start,
          end: Math.min(take.n_steps, start + this.length),
          voice: 0,
        },
      ]);
      this.#drag = {
        originals: [],
        current: [newNote],
        kind: "length",
        x: this.roll.x(newNote.end),
        y,
        hasMoved: false,
      };
    }
    if (!this.#app.player.isPlaying) this.#app.player.touch(lastOf(this.#drag.current).pitch);
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
    if (this.#area) {
      this.#area = { ...this.#area, to: { x, y } };
      this.#selectArea();
      return;
    }
    if (!drag || !take) {
      const note = take && y >= RULER ? this.#noteAt(x, y) : null;
      const atEdge = note && this.roll.x(note.end) - x <= this.#edgeWidth(note);
      this.#canvas.dataset.cursor = y < RULER ? "seek" : atEdge ? "length" : note ? "note" : "";
      return;
    }
    const steps = Math.round(((x - drag.x) / (this.roll.width - KEYS)) * this.roll.span);
    const semitones = this.roll.pitchAt(y) - this.roll.pitchAt(drag.y);
    const inTune = (/** @type {Note[]} */ notes) => this.inTune(notes, semitones);
    if (!drag.originals.length) {
      const [note] = drag.current;
      const end = Math.min(take.n_steps, Math.max(note.start + 1, Math.ceil(this.roll.stepAt(x))));
      if (Math.abs(x - drag.x) > 6 || drag.hasMoved) {
        drag.current = [{ ...note, end }];
        drag.hasMoved = true;
      }
    } else {
      const by = drag.kind === "length" ? { longer: steps } : { steps, semitones };
      const edited = inTune(allChanged(drag.originals, by, take.n_steps));
      const { pitch } = lastOf(edited);
      if (pitch !== lastOf(drag.current).pitch && !this.#app.player.isPlaying) {
        this.#app.player.touch(pitch);
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
    const area = this.#area;
    this.#drag = null;
    this.#area = null;
    if (area) {
      this.#endArea(area);
      return;
    }
    if (!drag || !take) return;
    const last = lastOf(drag.current);
    this.length = last.end - last.start;
    if (!drag.originals.length) {
      this.#drawn = performance.now();
      this.commit(added(take.notes, last), "adding a note", [last]);
    }
    const isEdited = JSON.stringify(drag.current) !== JSON.stringify(drag.originals);
    if (drag.originals.length && drag.hasMoved && isEdited) {
      const what = drag.originals.length > 1 ? "notes" : "a note";
      this.commit(
        allReplaced(take.notes, drag.originals, drag.current),
        drag.kind === "length" ? `changing the length of ${what}` : `moving ${what}`,
        drag.current,
      );
    }
    if (drag.hasMoved || !drag.originals.length) this.announce(last);
    this.refresh();
  }

  /** Selects the notes in the area. */
  #selectArea() {
    const area = this.#area;
    if (!area) return;
    this.selection = (this.#take?.notes ?? []).filter((note) => this.roll.isIn(note, area));
    this.refresh();
  }

  /**
   * A click with Shift adds a note to the selection, or takes it out; a drag selects an area.
   * @param {import("./roll.js").Area} area
   */
  #endArea({ from, to }) {
    const note = this.#noteAt(from.x, from.y);
    if (Math.hypot(to.x - from.x, to.y - from.y) < 4) {
      const others = this.selection.filter((other) => other !== note);
      this.selection = note && others.length === this.selection.length ? [...others, note] : others;
    }
    const n = this.selection.length;
    this.#app.announce(n === 1 ? "One note is selected" : `${n} notes are selected`);
    this.refresh();
  }

  #cancelDrag() {
    this.#drag = null;
    this.#area = null;
    this.#isScrubbing = false;
    this.refresh();
  }

  /** @param {MouseEvent} event */
  #double(event) {
    const { x, y } = this.#at(event);
    const note = y >= RULER ? this.#noteAt(x, y) : null;
    // The first click of a double click on an empty place has added the note, which should stay.
    if (note && performance.now() - this.#drawn > DOUBLE_CLICK) this.remove([note]);
  }

  /** @param {MouseEvent} event */
  #menu(event) {
    event.preventDefault();
    const { x, y } = this.#at(event);
    const note = this.#noteAt(x, y);
    if (note) this.remove(this.selection.includes(note) ? this.selection : [note]);
  }

  /** @param {Note[]} notes */
  remove(notes) {
    const take = this.#take;
    if (!take || !notes.length) return;
    const what = notes.length > 1 ? `${notes.length} notes` : "a note";
    this.commit(take.notes.filter((note) => !notes.includes(note)), `removing ${what}`, []);
    this.#app.announce(notes.length > 1 ? `${notes.length} notes removed` : "Note removed");
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
}

/** @param {Note[]} notes */
function lastOf(notes) {
  return notes[notes.length - 1];
}
