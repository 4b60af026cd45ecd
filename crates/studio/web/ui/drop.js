// @ts-check
// Drop zones for files, which are also buttons that open a file dialog.

import { el, icon } from "../dom.js";

/**
 * @param {object} options
 * @param {string} options.text
 * @param {string} options.label
 * @param {string} options.accept
 * @param {boolean} [options.multiple]
 * @param {string} [options.id]
 * @param {(files: File[]) => void} options.take
 */
export function dropZone({ text, label, accept, multiple = false, id, take }) {
  const input = el("input", {
    type: "file", accept, multiple, "aria-label": label, id, class: "spoken",
  });
  const zone = el("label", { class: "drop" }, icon("open"), el("span", {}, text), input);
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // Lets the same file be chosen again.
    input.value = "";
    if (files.length) take(files);
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(multiple ? files : files.slice(0, 1));
  });
  return zone;
}
