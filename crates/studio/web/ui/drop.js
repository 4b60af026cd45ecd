// @ts-check
// Places to drop files on, which are buttons to choose files with, too.

import { el, icon } from "../dom.js";

/**
 * @param {{ text: string, label: string, accept: string, multiple?: boolean, id?: string, take: (files: File[]) => void }} options
 */
export function dropZone({ text, label, accept, multiple = false, id, take }) {
  const input = el("input", { type: "file", accept, multiple, "aria-label": label, id, class: "spoken" });
  const zone = el("label", { class: "drop" }, icon("open"), el("span", {}, text), input);
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // The same file may be chosen again.
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
