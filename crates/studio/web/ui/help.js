// @ts-check
// Keys and gestures, in a dialog.

import { el, fill, iconButton, the } from "../dom.js";

/** @type {[string, [string, string][]][]} */
const HELP = [
  ["Anywhere", [
    ["Space", "play or stop"],
    ["L", "loop"],
    ["G", "generate"],
    ["F", "favourite"],
    ["[ ]", "the piece after, the piece before"],
    ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
    ["S, Shift S", "save as MIDI, as WAV"],
    ["E", "what the model makes of it"],
    ["W", "larger roll"],
    ["1 … 5", "the tools at the side"],
    ["M, R", "go to the map, to the roll"],
    ["V, D", "move and play, draw a path"],
    ["T", "light or dark"],
    ["?", "this help"],
  ]],
  ["On the map", [
    ["Click a point", "hear it; the puck is there then"],
    ["Drag the puck", "hear where it is, in time"],
    ["Arrows", "move the puck"],
    ["Shift arrows", "move the map"],
    ["Enter", "draw anew where the puck is"],
    ["N", "hear the window next to the puck"],
    ["P", "add the puck's place to a path"],
    ["+ − 0", "nearer, farther, all of it"],
  ]],
  ["In the roll", [
    ["Click, drag", "add, move, lengthen a note"],
    ["Double click", "remove it"],
    [", .", "the note before, after"],
    ["Arrows", "move it (Shift: by a beat, an octave)"],
    ["Alt ← →", "shorter, longer"],
    ["I or Insert", "add one after it"],
    ["Delete", "remove it"],
  ]],
];

export function startHelp() {
  const dialog = the("#help", HTMLDialogElement);
  fill(
    dialog,
    el("div", { class: "help-head" }, el("h2", { id: "help-title" }, "Keys and gestures"), iconButton("close", "Close", () => dialog.close())),
    el(
      "div",
      { class: "help-body" },
      ...HELP.map(([title, rows]) =>
        el("section", {}, el("h3", {}, title), el("dl", {}, ...rows.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]))),
      ),
    ),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const toggle = () => (dialog.open ? dialog.close() : dialog.showModal());
  the("#help-button", HTMLButtonElement).addEventListener("click", toggle);
  return toggle;
}
