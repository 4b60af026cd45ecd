// @ts-check
// A style of the person's own from a few files, without training.

import { el, fill } from "../dom.js";
import { dropZone } from "../ui/drop.js";
import { textButton } from "./rows.js";
import { sizeText } from "./tune.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {{ style: import("../types.js").Style, used: { file: string, sentence: string, n_windows: number }[], refused: { file: string, why: string }[] }} Added */

/**
 * @param {App} app
 * @param {(name: string) => void} added
 */
export function addStyle(app, added) {
  /** @type {File[]} */
  let files = [];
  const most = app.model.limits.upload_files;
  const list = el("ul", { class: "files" });
  const name = el("input", { type: "text", id: "style-name", maxlength: "60", placeholder: "Its name", "aria-label": "Name of the style", autocomplete: "off" });
  const report = el("div", { class: "report", role: "status" });
  const form = el("form", { class: "add-form", hidden: true });
  const add = textButton("plus", "Add style", () => {}, { type: "submit", id: "add-style", class: "primary" });
  const draw = () => {
    form.hidden = files.length === 0;
    fill(list, ...files.map((file) => el("li", {}, el("span", {}, file.name), el("span", { class: "what" }, sizeText(file.size)), el("button", { type: "button", class: "small", "aria-label": `Leave out ${file.name}`, onclick: () => {
      files = files.filter((other) => other !== file);
      draw();
    } }, "×"))));
  };
  const zone = dropZone({
    text: `Drop one to ${most} MIDI files here: a style of your own`,
    label: "MIDI files for a style of your own",
    accept: ".mid,.midi",
    multiple: true,
    id: "style-files",
    take: (chosen) => {
      files = [...files, ...chosen].slice(0, most);
      if (files.length === most && chosen.length > most) app.say(`The first ${most} files are taken.`);
      if (!name.value) name.value = (files[0]?.name ?? "").replace(/\.midi?$/i, "").slice(0, 40);
      fill(report);
      draw();
      name.select();
    },
  });
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
        el("ul", {}, ...used.map(({ file, sentence }) => el("li", {}, `${file}: ${sentence}`)), ...refused.map(({ file, why }) => el("li", { class: "refused" }, `${file} was not used: ${why}`))),
      );
      files = [];
      name.value = "";
      draw();
      await app.session.reload();
      added(style.name);
      app.say(`The style “${style.name}” is on the map`);
    });
  });
  form.append(list, el("div", { class: "row" }, name, add));
  return el("section", { class: "add", "aria-label": "Add a style" }, zone, form, report);
}
