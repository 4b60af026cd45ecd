// @ts-check
// Edits notes by keys: choose, add, move, lengthen, remove, copy and paste.

import { added, allAdded, allChanged, allReplaced } from "../state/notes.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("./editor.js").Editor} Editor */

/** The keys of the piano roll. */
export class Commands {
  #app;
  #editor;
  /**
   * Copied notes; the first one starts at step 0.
   * @type {Note[]}
   */
  #copied = [];

  /**
   * @param {App} app
   * @param {Editor} editor
   */
  constructor(app, editor) {
    this.#app = app;
    this.#editor = editor;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const take = this.#app.history.current;
    if (!take) return;
    const isControl = event.ctrlKey || event.metaKey;
    if (!(isControl ? this.#clipboard(event, take) : this.#apply(event, take))) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Take} take
   */
  #clipboard({ key }, take) {
    const editor = this.#editor;
    const { selection } = editor;
    switch (key.toLowerCase()) {
      case "a":
        editor.selection = [...take.notes];
        this.#app.announce(`${take.notes.length} notes are selected`);
        editor.refresh();
        return true;
      case "c":
      case "x": {
        if (!selection.length) return false;
        const first = Math.min(...selection.map(({ start }) => start));
        this.#copied = selection.map(
          (note) => ({ ...note, start: note.start - first, end: note.end - first }),
        );
        const n = selection.length;
        this.#app.announce(n > 1 ? `${n} notes copied` : "Note copied");
        if (key.toLowerCase() === "x") editor.remove(selection);
        return true;
      }
      case "v":
        this.#paste(take);
        return true;
      default:
        return false;
    }
  }

  /**
   * Pastes after the selection, or at the playhead.
   * @param {Take} take
   */
  #paste(take) {
    const editor = this.#editor;
    const { heard } = this.#app.player;
    const from = editor.selection.length
      ? Math.max(...editor.selection.map(({ end }) => end))
      : Math.floor(heard?.step ?? 0);
    const pasted = this.#copied
      .map((note) => ({ ...note, start: note.start + from, end: note.end + from }))
      .filter(({ start }) => start < take.n_steps)
      .map((note) => ({ ...note, end: Math.min(note.end, take.n_steps) }));
    if (!pasted.length) {
      this.#app.announce(
        this.#copied.length ? "There is no room after the selection." : "Nothing is copied.",
      );
      return;
    }
    editor.commit(allAdded(take.notes, pasted), "pasting notes", pasted);
    for (const { pitch } of pasted) editor.roll.show(pitch);
    const lost = this.#copied.length - pasted.length;
    this.#app.announce(`${pasted.length} pasted${lost ? `; ${lost} lie beyond the end` : ""}`);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Take} take
   */
  #apply(event, take) {
    const editor = this.#editor;
    const { selection } = editor;
    const { steps_per_quarter } = this.#app.model;
    const wide = event.shiftKey ? steps_per_quarter : 1;
    const far = event.shiftKey ? 12 : 1;
    switch (event.key) {
      case ",":
      case ".":
        this.#choose(take, event.key === "." ? 1 : -1);
        return true;
      case "+":
      case "=":
      case "-":
        editor.roll.zoom(event.key === "-" ? 1.3 : 1 / 1.3, take.n_steps);
        editor.refresh();
        return true;
      case "Insert":
      case "i":
        this.#insert(take);
        return true;
      case "Delete":
      case "Backspace":
        editor.remove(selection);
        return selection.length > 0;
      case "ArrowLeft":
      case "ArrowRight": {
        const by = event.key === "ArrowRight" ? wide : -wide;
        return event.altKey
          ? this.#change(take, { longer: by }, "changing the length of")
          : this.#change(take, { steps: by }, "moving");
      }
      case "ArrowUp":
      case "ArrowDown":
        return this.#change(take, { semitones: event.key === "ArrowUp" ? far : -far }, "moving");
      case "Escape":
        if (!selection.length) return false;
        editor.selection = [];
        editor.refresh();
        return true;
      default:
        return false;
    }
  }

  /**
   * @param {Take} take
   * @param {number} by
   */
  #choose({ notes, n_steps }, by) {
    if (!notes.length) return;
    const editor = this.#editor;
    const place = editor.selected ? notes.indexOf(editor.selected) : by > 0 ? -1 : notes.length;
    const note = notes[(place + by + notes.length) % notes.length];
    editor.selection = [note];
    const { from, span } = editor.roll;
    if (note.start < from || note.end > from + span) {
      editor.roll.scroll(note.start - from - span / 4, n_steps);
    }
    editor.announce(note);
    editor.refresh();
  }

  /** @param {Take} take */
  #insert(take) {
    const editor = this.#editor;
    const after = editor.selected ?? {
      pitch: Math.round((editor.roll.low + editor.roll.high) / 2),
      start: 0,
      end: 0,
      voice: 0,
    };
    const start = Math.min(take.n_steps - 1, after.end);
    const note = {
      pitch: after.pitch,
      start,
      end: Math.min(take.n_steps, start + editor.length),
      voice: after.voice,
    };
    editor.commit(added(take.notes, note), "adding a note", [note]);
    this.#app.player.isPlaying || this.#app.player.touch(note.pitch);
    editor.announce(note);
  }

  /**
   * @param {Take} take
   * @param {import("../state/notes.js").Change} by
   * @param {string} what
   */
  #change(take, by, what) {
    const editor = this.#editor;
    const { selection, selected } = editor;
    if (!selected) return false;
    const edited = editor.inTune(allChanged(selection, by, take.n_steps), by.semitones ?? 0);
    for (const { pitch } of edited) editor.roll.show(pitch);
    const label = `${what} ${selection.length > 1 ? "notes" : "a note"}`;
    editor.commit(allReplaced(take.notes, selection, edited), label, edited);
    const last = edited[edited.length - 1];
    if (last.pitch !== selected.pitch && !this.#app.player.isPlaying) {
      this.#app.player.touch(last.pitch);
    }
    editor.announce(last);
    return true;
  }
}
