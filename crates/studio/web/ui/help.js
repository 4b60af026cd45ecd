// @ts-check
// A dialog that lists keys and gestures.

import { el, fill, iconButton, requireElement } from "../dom.js";

/** @type {[string, [string, string][]][]} */
const HELP = [
  ["Anywhere", [
    ["Space", "play or stop"],
    ["L", "loop"],
    ["G", "generate"],
    ["F", "favorite"],
    ["[ ]", "newer, older piece"],
    ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
    ["S, Shift S", "save as MIDI, as WAV"],
    ["E", "show the model's version"],
    ["W", "larger piano roll"],
    ["1 … 5", "side panels"],
    ["M, R", "go to the map, to the piano roll"],
    ["V, D", "move and play, draw a path"],
    ["T", "light or dark"],
    ["?", "this help"],
  ]],
  ["On the map", [
    ["Click a style", "play music of that place"],
    ["Zoom in, click a point", "play the music it was made of"],
    ["Drag the puck", "play the music at its position"],
    ["Arrows", "move the puck"],
    ["Shift arrows", "move the map"],
    ["Enter", "play a new take at the puck"],
    ["N", "play the nearest window"],
    ["P", "add the puck's position to the path"],
    ["+ − 0", "zoom in, zoom out, show all"],
  ]],
  ["In the piano roll", [
    ["Click, drag", "add, move, lengthen a note"],
    ["Double click", "remove it"],
    [", .", "previous, next note"],
    ["Arrows", "move it (Shift: by a beat, an octave)"],
    ["Alt ← →", "shorter, longer"],
    ["I or Insert", "add a note after it"],
    ["Delete", "remove it"],
    ["Shift drag, Shift click", "select several notes"],
    ["Ctrl A, C, X, V", "select all, copy, cut, paste"],
  ]],
];

export function startHelp() {
  const dialog = requireElement("#help", HTMLDialogElement);
  fill(
    dialog,
    el(
      "div",
      { class: "help-head" },
      el("h2", { id: "help-title" }, "Keys and gestures"),
      iconButton("close", "Close", () => dialog.close()),
    ),
    el(
      "div",
      { class: "help-body" },
      ...HELP.map(([title, rows]) =>
        el(
          "section",
          {},
          el("h3", {}, title),
          el(
            "dl",
            {},
            ...rows.flatMap(
              ([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)],
            ),
          ),
        ),
      ),
    ),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const toggle = () => (dialog.open ? dialog.close() : dialog.showModal());
  requireElement("#help-button", HTMLButtonElement).addEventListener("click", toggle);
  return toggle;
}
