// @ts-check
// Files that are dropped anywhere on the page: asks the user what to do with them.

import { el, fill } from "../dom.js";

/** @typedef {import("../app.js").App} App */
/**
 * @typedef {object} Uses
 * @property {(file: File) => unknown} mix
 * @property {(file: File) => unknown} corner
 * @property {(files: File[]) => unknown} style
 * @property {(file: File) => unknown} project
 * @property {(file: File) => unknown} importStyle
 */

/**
 * @param {App} app
 * @param {import("./tabs.js").Tabs} tabs
 * @param {Uses} uses
 */
export function startDropAnywhere(app, tabs, uses) {
  const title = el("h2", { id: "drop-title" });
  const choices = el("div", { class: "menu-list" });
  const dialog = el(
    "dialog",
    { id: "drop-dialog", class: "small-dialog", "aria-labelledby": "drop-title" },
    title,
    choices,
  );
  document.body.append(dialog);
  /** @param {File[]} files */
  const ask = (files) => {
    const [first] = files;
    const isJson = /\.json$/i.test(first.name);
    const midi = files.filter(({ name }) => /\.midi?$/i.test(name));
    if (!isJson && !midi.length) {
      app.fail(
        new Error(
          `“${first.name}” can't be used here. Drop MIDI files (.mid), projects or exported ` +
            "styles (.json).",
        ),
      );
      return;
    }
    const choice = (
      /** @type {string} */ text,
      /** @type {string} */ tab,
      /** @type {() => unknown} */ use
    ) => {
      const onclick = () => {
        dialog.close();
        tabs.show(tab);
        app.attempt(async () => use());
      };
      return el("button", { type: "button", onclick }, text);
    };
    const n = midi.length;
    const offered = isJson
      ? [
        choice("Open the project", "history", () => uses.project(first)),
        choice("Add the exported style", "styles", () => uses.importStyle(first)),
      ]
      : [
        choice("Mix a style into it", "mix", () => uses.mix(midi[0])),
        choice("Use it as a corner", "corners", () => uses.corner(midi[0])),
        choice(
          n > 1 ? `Make a style of the ${n} files` : "Make a style of it",
          "styles",
          () => uses.style(midi),
        ),
      ];
    const names = files.length > 1 ? `${files.length} files` : `“${first.name}”`;
    title.textContent = `What is ${names} for?`;
    const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Nothing");
    fill(choices, ...offered, cancel);
    dialog.showModal();
  };
  // A drop zone has handled the event if its default action is prevented.
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) ask(files);
  });
}
