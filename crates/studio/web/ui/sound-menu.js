// @ts-check
// The sound: volume, MIDI out and in.

import { el, fill } from "../dom.js";
import { MidiIn } from "../sound/midi-in.js";
import { MidiOut } from "../sound/midi-out.js";
import { added } from "../state/notes.js";
import { saveSetting, loadSetting } from "./theme.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../roll/editor.js").Editor} Editor */

const VOLUME = "controlgen.volume";

/**
 * @param {App} app
 * @param {Editor} editor
 */
export function soundMenu(app, editor) {
  const { player } = app;
  player.volume = Number(loadSetting(VOLUME) ?? 0.8);
  const volume = el("input", {
    type: "range",
    id: "volume",
    min: "0",
    max: "1",
    step: "0.01",
    value: String(player.volume),
  });
  volume.addEventListener("input", () => {
    player.volume = Number(volume.value);
    saveSetting(VOLUME, volume.value);
  });
  const ports = el(
    "select",
    { id: "midi-port", "aria-label": "MIDI device" },
    el("option", { value: "" }, "None"),
  );
  const builtIn = el("input", { type: "checkbox", id: "inside", checked: true });
  builtIn.addEventListener("change", () => (player.isAudible = builtIn.checked));
  const clock = el("input", { type: "checkbox", id: "midi-clock" });
  clock.addEventListener("change", () => {
    if (player.midiOut) player.midiOut.sendsClock = clock.checked;
  });
  /** @type {MIDIOutput[]} */
  let found = [];
  const input = midiIn(app, editor);
  const findPorts = async () => {
    const access = await MidiOut.access();
    found = [...access.outputs.values()];
    input.offer([...(access.inputs?.values() ?? [])]);
    const none = el("option", { value: "" }, found.length ? "None" : "No device found");
    fill(ports, none, ...found.map(({ id, name }) => el("option", { value: id }, name ?? id)));
  };
  const onfind = () => app.busy(find, findPorts);
  const find = el("button", { type: "button", class: "small", onclick: onfind }, "Find devices");
  ports.addEventListener("change", () => {
    player.midiOut?.stop();
    const port = found.find(({ id }) => id === ports.value);
    player.midiOut = port ? new MidiOut(port) : null;
    if (player.midiOut) player.midiOut.sendsClock = clock.checked;
  });
  return el(
    "div",
    { id: "sound-menu", class: "popover", popover: "", role: "group", "aria-label": "Sound" },
    el("label", { class: "row" }, el("span", {}, "Volume"), volume),
    el("div", { class: "row" }, el("span", {}, "MIDI out"), ports, find),
    el("label", { class: "row" }, clock, el("span", {}, "Send MIDI clock")),
    ...input.rows,
    el("label", { class: "row" }, builtIn, el("span", {}, "Built-in sound")),
  );
}

/**
 * A MIDI device to play on and to follow.
 * @param {App} app
 * @param {Editor} editor
 */
function midiIn(app, editor) {
  const { player, history } = app;
  const none = () => el("option", { value: "" }, "None");
  const ports = el("select", { id: "midi-in", "aria-label": "MIDI keyboard" }, none());
  const follows = el("input", { type: "checkbox", id: "midi-follow" });
  const records = el("input", { type: "checkbox", id: "midi-record" });
  /** @type {MIDIInput[]} */
  let found = [];
  /** @type {MidiIn | null} */
  let open = null;
  /**
   * Adds a played note to the piece that is playing, on its grid.
   * @param {{ pitch: number, from: number, to: number }} played
   */
  const record = ({ pitch, from, to }) => {
    const take = history.current;
    const heard = player.heard;
    if (!records.checked || !take || !heard || heard.score !== take) return;
    const stepsPerMs = (player.qpm * player.stepsPerQuarter) / 60_000;
    const now = performance.now();
    const n = take.n_steps;
    const stepOf = (/** @type {number} */ time) => heard.step - (now - time) * stepsPerMs;
    // The loop may have begun again meanwhile; a key that is a bit early belongs to its first step.
    const start = ((Math.round(stepOf(from)) % n) + n) % n;
    const length = Math.max(1, Math.round((to - from) * stepsPerMs));
    const note = { pitch, start, end: Math.min(n, start + length), voice: 0 };
    editor.commit(added(take.notes, note), "recording a note", [note]);
  };
  ports.addEventListener("change", () => {
    open?.close();
    const port = found.find(({ id }) => id === ports.value);
    open = port ? new MidiIn(port) : null;
    const on = (/** @type {string} */ event, /** @type {(detail: any) => void} */ act) =>
      open?.addEventListener(event, (e) => act(/** @type {CustomEvent} */ (e).detail));
    const onClock = (/** @type {string} */ event, /** @type {(detail: any) => void} */ act) =>
      on(event, (detail) => {
        if (follows.checked) act(detail);
      });
    on("key", ({ pitch }) => player.touch(pitch));
    on("played", record);
    onClock("tempo", (qpm) => (player.qpm = qpm));
    onClock("start", () => {
      const take = history.current;
      if (take) app.attempt(() => player.play(take));
    });
    onClock("continue", () => {
      if (!player.isPlaying) app.startOrStop();
    });
    onClock("stop", () => player.stop());
  });
  const rows = [
    el("div", { class: "row" }, el("span", {}, "MIDI in"), ports),
    el("label", { class: "row" }, follows, el("span", {}, "Follow its clock")),
    el("label", { class: "row" }, records, el("span", {}, "Record its keys while a piece plays")),
  ];
  /** @param {MIDIInput[]} inputs */
  const offer = (inputs) => {
    found = inputs;
    fill(ports, none(), ...found.map(({ id, name }) => el("option", { value: id }, name ?? id)));
  };
  return { rows, offer };
}
