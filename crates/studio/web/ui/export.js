// @ts-check
// Exports the selected piece: as a download, or by dragging it out of the page.

import { el, fileName, icon, save } from "../dom.js";
import { saveToFolder } from "../state/folder.js";
import { projectText } from "../state/project.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Take} Take */

/**
 * The fields that the server needs to export a piece.
 * @param {Take} take
 */
function body({ title, qpm, notes, program, velocity, windows }) {
  return { title, qpm, notes, program, velocity, meter: windows[0]?.meter };
}

/**
 * @param {App} app
 * @param {Take[]} takes
 */
function project(app, takes) {
  return new Blob([projectText(takes, app.history.current, app.model)], {
    type: "application/json",
  });
}

/**
 * @param {App} app
 * @param {"midi" | "wav" | "project" | "all"} kind
 */
export async function download(app, kind) {
  const { current, takes } = app.history;
  if (!current) {
    app.announce("Nothing to save yet.");
    return;
  }
  const name = fileName(current.title);
  if (kind === "midi") save(await app.api.blob("/midi", body(current)), `${name}.mid`);
  else if (kind === "wav") save(await app.api.blob("/wav", body(current)), `${name}.wav`);
  else if (kind === "project") save(project(app, [current]), `${name}.studio.json`);
  else {
    const all = takes.includes(current) ? takes : [current, ...takes];
    save(project(app, all), "controlgen.studio.json");
  }
  app.announce("Saved");
}

/**
 * Saves the selected piece as a MIDI file into the folder that the user chose.
 * @param {App} app
 * @param {boolean} again whether to choose another folder
 */
export async function downloadToFolder(app, again) {
  const { current } = app.history;
  if (!current) {
    app.announce("Nothing to save yet.");
    return;
  }
  const blob = await app.api.blob("/midi", body(current));
  const where = await saveToFolder(fileName(current.title), "mid", blob, again);
  app.announce(`Saved as ${where}`);
}

/**
 * Lets the server save the selected piece into the folder that it was started with.
 * @param {App} app
 */
export async function saveOnServer(app) {
  const { current } = app.history;
  if (!current) {
    app.announce("Nothing to save yet.");
    return;
  }
  const { path } = await app.api.post("/save", body(current));
  app.announce(`Saved as ${path}`);
}

/**
 * A handle for dragging the selected piece out as a MIDI file. The file must be available when a
 * drag begins, so it is fetched when the pointer approaches.
 * @param {App} app
 */
export function dragHandle(app) {
  const handle = el(
    "span",
    {
      class: "handle",
      title: "Drag to a folder or the desktop for a MIDI file. Many music programs take no files " +
        "from a browser: save to a folder that they watch instead.",
      "aria-hidden": "true",
    },
    icon("grip"),
    el("span", {}, "MIDI"),
  );
  /** @type {{ key: string, url: string, name: string } | null} */
  let ready = null;
  // The file must match the current notes, tempo and title.
  const keyOf = (/** @type {Take} */ take) => JSON.stringify(body(take));
  const prepare = async () => {
    const take = app.history.current;
    const key = take && keyOf(take);
    if (!key || ready?.key === key) return;
    const blob = await app.attempt(() => app.api.blob("/midi", body(take)));
    if (!blob) return;
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const url = `data:audio/midi;base64,${btoa(binary)}`;
    ready = { key, url, name: `${fileName(take.title)}.mid` };
    handle.draggable = true;
  };
  for (const event of ["change", "current"]) {
    app.history.addEventListener(event, () => {
      // The piece may change while the pointer is there, for example its tempo by keys.
      if (ready && handle.matches(":hover")) prepare();
    });
  }
  handle.addEventListener("pointerenter", prepare);
  handle.addEventListener("pointerdown", prepare);
  handle.addEventListener("dragstart", (event) => {
    const take = app.history.current;
    if (!ready || !take || ready.key !== keyOf(take)) {
      event.preventDefault();
      prepare();
      return;
    }
    event.dataTransfer?.setData("DownloadURL", `audio/midi:${ready.name}:${ready.url}`);
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "copy";
  });
  return handle;
}
