// @ts-check
// The selected piece as a whole: transposition, scale, instrument and loudness.

import { el, iconButton } from "../dom.js";
import { inKeys } from "../state/notes.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Take} Take */

/** Some programs of General MIDI, by their numbers from 0. */
export const PROGRAMS = /** @type {[number, string][]} */ ([
  [0, "Piano"], [4, "Electric piano"], [6, "Harpsichord"], [11, "Vibraphone"], [19, "Organ"],
  [24, "Guitar"], [32, "Bass"], [40, "Violin"], [42, "Cello"], [48, "Strings"], [52, "Choir"],
  [56, "Trumpet"], [60, "Horn"], [65, "Saxophone"], [68, "Oboe"], [71, "Clarinet"], [73, "Flute"],
  [80, "Synthesizer"],
]);
/** Dynamics and their velocities. */
export const DYNAMICS = /** @type {[number, string][]} */ ([
  [33, "pp"], [49, "p"], [64, "mp"], [80, "mf"], [96, "f"], [112, "ff"],
]);
/** Semitones of the buttons. */
const STEPS = [-12, -1, 1, 12];

/**
 * The notes of a piece moved by semitones; drums stay.
 * @param {App} app
 * @param {Take} take
 * @param {number} by
 */
function transposed({ player }, take, by) {
  return take.notes.map(
    (note) => (player.isDrum(note) ? note : { ...note, pitch: note.pitch + by }),
  );
}

/**
 * A button and its menu.
 * @param {App} app
 * @param {import("../roll/editor.js").Editor} editor
 */
export function shapeMenu(app, editor) {
  const { history, player } = app;
  const transpose = (/** @type {number} */ by) => {
    const take = history.current;
    if (!take) return;
    const notes = transposed(app, take, by);
    // For music in one key, only the sounding key changes.
    const keys = take.windows.map(({ key }) => (key ?? 0) + by);
    const isDrum = (/** @type {import("../types.js").Note} */ note) => player.isDrum(note);
    if (notes.some(({ pitch }) => pitch < 0 || pitch > 127)) {
      app.announce("Some notes would leave the keyboard.");
      return;
    }
    if (app.model.in_one_key) {
      history.edit(take, { notes, windows: inKeys(take.windows, keys, isDrum) }, "transposing");
    } else {
      history.edit(take, { notes, edited: true }, "transposing");
      editor.listening.changed(take);
    }
    editor.roll.fit(notes, take.n_steps);
    if (player.isPlaying) player.swap(take);
    const size = Math.abs(by) === 12 ? "an octave" : "a semitone";
    app.announce(`${size} ${by > 0 ? "higher" : "lower"}`);
  };
  const steps = STEPS.map((by) => {
    const size = Math.abs(by) === 12 ? "octave" : "semitone";
    const label = `Transpose a${size === "octave" ? "n" : ""} ${size} ${by > 0 ? "up" : "down"}`;
    const text = `${by > 0 ? "+" : "−"}${Math.abs(by)}`;
    return el(
      "button",
      { type: "button", class: "small", "aria-label": label, onclick: () => transpose(by) },
      text,
    );
  });
  const option = (/** @type {[number, string]} */ [value, text]) => el("option", { value }, text);
  const select = (/** @type {string} */ id, /** @type {[number, string][]} */ options) =>
    el("select", { id }, el("option", { value: "" }, "as the model"), ...options.map(option));
  const program = select("program", PROGRAMS);
  const velocity = select("velocity", DYNAMICS);
  const chosen = (/** @type {HTMLSelectElement} */ { value }) =>
    value === "" ? undefined : Number(value);
  program.addEventListener("change", () => {
    if (history.current) history.edit(history.current, { program: chosen(program) }, "instrument");
  });
  velocity.addEventListener("change", () => {
    if (history.current) history.edit(history.current, { velocity: chosen(velocity) }, "dynamics");
  });
  const keeps = el("input", { type: "checkbox", id: "keeps-scale" });
  keeps.checked = app.session.keepsScale;
  keeps.addEventListener("change", () => (app.session.keepsScale = keeps.checked));
  const intoScale = el(
    "button",
    { type: "button", class: "small", id: "into-scale", onclick: () => editor.intoScale() },
    "Move all notes into the scale",
  );
  const button = iconButton("pen", "Key and instrument", () => {}, {
    id: "shape", popovertarget: "shape-menu",
  });
  const menu = el(
    "div",
    {
      id: "shape-menu", class: "popover", popover: "", role: "group",
      "aria-label": "Key and instrument",
    },
    el("div", { class: "row" }, el("span", {}, "Transpose"), ...steps),
    el("label", { class: "row spread" }, el("span", {}, "Instrument"), program),
    el("label", { class: "row spread" }, el("span", {}, "Dynamics"), velocity),
    el(
      "label", { class: "row", title: "Notes that you add or move stay in the scale of the piece" },
      keeps, el("span", {}, "Keep edits in the scale"),
    ),
    el("div", { class: "row" }, intoScale),
  );
  const draw = () => {
    const take = history.current;
    button.disabled = !take;
    program.value = String(take?.program ?? "");
    velocity.value = String(take?.velocity ?? "");
  };
  for (const event of ["change", "current"]) history.addEventListener(event, draw);
  draw();
  return { button, menu };
}
