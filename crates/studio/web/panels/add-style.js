// @ts-check
// Adds a style from a few of the user's files, without training.

import { el, fill } from "../dom.js";
import { dropZone } from "../ui/drop.js";
import { textButton } from "./rows.js";
import { sizeText } from "./tune.js";

/** @typedef {import("../app.js").App} App */
/**
 * @typedef {object} Added
 * @property {import("../types.js").Style} style
 * @property {{ file: string, sentence: string, n_windows: number }[]} used
 * @property {{ file: string, why: string }[]} refused
 */

/**
 * @param {App} app
 * @param {(name: string) => void} added
 */
export function addStyle(app, added) {
  /** @type {File[]} */
  let files = [];
  const maxFiles = app.model.limits.upload_files;
  const list = el("ul", { class: "files" });
  const name = el("input", {
    type: "text", id: "style-name", maxlength: "60", placeholder: "Name",
    "aria-label": "Name of the style", autocomplete: "off",
  });
  const report = el("div", { class: "report", role: "status" });
  const form = el("form", { class: "add-form", hidden: true });
  const add = textButton(
    "plus",
    "Add style",
    () => {},
    { type: "submit", id: "add-style", class: "primary" },
  );
  const draw = () => {
    form.hidden = files.length === 0;
    const items = files.map((file) => {
      const remove = () => {
        files = files.filter((other) => other !== file);
        draw();
      };
      const label = `Remove ${file.name}`;
      return el(
        "li",
        {},
        el("span", {}, file.name),
        el("span", { class: "what" }, sizeText(file.size)),
        el("button", { type: "button", class: "small", "aria-label": label, onclick: remove }, "×"),
      );
    });
    fill(list, ...items);
  };
  const zone = dropZone({
    text: `Drop up to ${maxFiles} MIDI files here to make your own style`,
    label: "MIDI files for your own style",
    accept: ".mid,.midi",
    multiple: true,
    id: "style-files",
    take: (chosen) => take(chosen),
  });
  const take = (/** @type {File[]} */ chosen) => {
    const all = [...files, ...chosen];
    files = all.slice(0, maxFiles);
    if (all.length > maxFiles) app.announce(`Only the first ${maxFiles} files are used.`);
    if (!name.value) name.value = (files[0]?.name ?? "").replace(/\.midi?$/i, "").slice(0, 40);
    fill(report);
    draw();
    name.select();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    app.busy(add, async () => {
      const data = new FormData();
      data.append("name", name.value.trim());
      for (const file of files) data.append("file", file, file.name);
      /** @type {Added} */
      const { style, used, refused } = await app.api.upload("/styles", data);
      fill(
        report,
        el("p", {}, `“${style.name}” was added, from ${style.n_windows} windows.`),
        el(
          "ul",
          {},
          ...used.map(({ file, sentence }) => el("li", {}, `${file}: ${sentence}`)),
          ...refused.map(
            ({ file, why }) => el("li", { class: "refused" }, `${file} was not used: ${why}`),
          ),
        ),
      );
      files = [];
      name.value = "";
      draw();
      await app.session.reload();
      added(style.name);
      app.announce(`The style “${style.name}” is on the map`);
    });
  });
  form.append(list, el("div", { class: "row" }, name, add));
  const root = el("section", { class: "add", "aria-label": "Add a style" }, zone, form, report);
  return { root, take };
}
