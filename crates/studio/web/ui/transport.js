// @ts-check
// The transport: play, stop, loop, tempo, volume, and actions for the selected piece.

import { el, fill, icon, iconButton, requireElement } from "../dom.js";
import { canSaveToFolder } from "../state/folder.js";
import { download, downloadToFolder, dragHandle, saveOnServer } from "./export.js";
import { shapeMenu } from "./shape.js";
import { soundMenu } from "./sound-menu.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../roll/editor.js").Editor} Editor */

/**
 * @param {App} app
 * @param {Editor} editor
 */
export function startTransport(app, editor) {
  const { player, history } = app;
  const play = el(
    "button",
    {
      type: "button",
      id: "play",
      class: "round",
      "aria-label": "Play",
      title: "Play or stop (Space)",
      onclick: () => app.startOrStop(),
    },
    icon("play"),
  );
  const loop = iconButton(
    "loop",
    "Loop",
    () => setLoop(!player.loop),
    { id: "loop", "aria-pressed": "true", title: "Loop (L)" },
  );
  const title = el("strong", { id: "now" }, "Nothing yet");
  const what = el("span", { id: "what" });
  const star = iconButton(
    "star",
    "Favorite",
    () => toggleFavorite(app),
    { id: "star", "aria-pressed": "false", title: "Favorite (F)" },
  );
  const toggleVersion = () => (editor.listening.isShown = !editor.listening.isShown);
  const ear = iconButton("ear", "Show the model's version", toggleVersion, {
    id: "ear",
    "aria-pressed": "false",
    title: "Show the model's version (E)",
  });
  const keep = el(
    "button",
    {
      type: "button",
      id: "keep",
      class: "small",
      hidden: true,
      onclick: () => app.busy(keep, () => editor.listening.keep()),
    },
    "Keep this version",
  );
  const tall = iconButton(
    "tall",
    "Larger piano roll",
    () => setTall(),
    { id: "tall", "aria-pressed": "false", title: "Larger piano roll (W)" },
  );
  const tempo = el("input", {
    type: "number",
    id: "tempo",
    min: "20",
    max: "400",
    step: "1",
    value: String(Math.round(app.model.qpm)),
    "aria-label": "Tempo, quarter notes per minute",
  });
  const saveButton = el(
    "button",
    {
      type: "button", id: "save", class: "quiet", popovertarget: "save-menu", "aria-label": "Save",
      title: "Save",
    },
    icon("save"),
  );
  const soundButton = el(
    "button",
    {
      type: "button", id: "sound", class: "quiet", popovertarget: "sound-menu",
      "aria-label": "Sound", title: "Volume and MIDI out",
    },
    icon("sound"),
  );
  const shape = shapeMenu(app, editor);
  fill(
    requireElement("#transport", HTMLElement),
    play,
    loop,
    el("div", { class: "now" }, title, what),
    star,
    ear,
    keep,
    tall,
    shape.button,
    el("label", { class: "tempo" }, el("span", { "aria-hidden": "true" }, "♩="), tempo),
    soundButton,
    saveButton,
    dragHandle(app),
    shape.menu,
    saveMenu(app),
    soundMenu(app, editor),
  );

  /** @param {boolean} isOn */
  const setLoop = (isOn) => {
    player.loop = isOn;
    loop.setAttribute("aria-pressed", String(isOn));
  };
  const setTall = () => {
    const isTall = document.body.classList.toggle("tall-roll");
    tall.setAttribute("aria-pressed", String(isTall));
  };
  tempo.addEventListener("change", () => {
    const qpm = Math.min(400, Math.max(20, Number(tempo.value) || app.model.qpm));
    app.qpm = qpm;
    player.qpm = qpm;
    if (history.current) history.edit(history.current, { qpm }, "changing the tempo");
    else tempo.value = String(qpm);
  });
  const drawPlay = () => {
    fill(play, icon(player.isPlaying ? "stop" : "play"));
    play.setAttribute("aria-label", player.isPlaying ? "Stop" : "Play");
    play.setAttribute("aria-pressed", String(player.isPlaying));
  };
  for (const event of ["start", "stop"]) player.addEventListener(event, drawPlay);
  const drawTake = () => {
    const take = history.current;
    title.textContent = take?.title ?? "Nothing yet";
    const facts = take
      ? [
        take.how,
        take.seed === null ? null : `seed ${take.seed}`,
        take.edited ? "edited" : null,
        app.stylesText(take.windows, 2),
        copyText(take),
      ]
      : ["Touch the map"];
    what.textContent = facts.filter(Boolean).join(" · ");
    what.title = what.textContent;
    star.setAttribute("aria-pressed", String(take?.favourite ?? false));
    for (const button of [star, ear, saveButton]) button.disabled = !take;
    tempo.value = String(Math.round(take?.qpm ?? app.qpm ?? app.model.qpm));
    if (take && player.isPlaying && player.qpm !== take.qpm) player.qpm = take.qpm;
  };
  for (const event of ["change", "current"]) history.addEventListener(event, drawTake);
  app.session.addEventListener("styles", drawTake);
  editor.listening.addEventListener("heard", () => {
    ear.setAttribute("aria-pressed", String(editor.listening.isShown));
    keep.hidden = !editor.listening.isShown;
  });
  drawTake();
}

/** @param {import("../types.js").Take} take */
function copyText({ copy }) {
  return copy && copy.fraction >= 0.5
    ? `${copy.n_notes} notes as in ${copy.file}, bar ${copy.bar}`
    : null;
}

/** @param {App} app */
export function toggleFavorite(app) {
  const take = app.history.current;
  if (take) {
    app.history.edit(
      take,
      { favourite: !take.favourite },
      take.favourite ? "removing a favorite" : "favorite",
    );
  }
}

/** @param {App} app */
function saveMenu(app) {
  const item = (
    /** @type {"midi" | "wav" | "project" | "all"} */ kind,
    /** @type {string} */ text
  ) => {
    const save = async () => {
      await download(app, kind);
      menu.hidePopover();
    };
    const onclick = () => app.busy(button, save);
    const button = el("button", { type: "button", "data-save": kind, onclick }, text);
    return button;
  };
  const { save_folder } = app.model;
  const onServer = () => {
    const save = async () => {
      menu.hidePopover();
      await saveOnServer(app);
    };
    const onclick = () => app.busy(button, save);
    const button = el(
      "button", { type: "button", "data-save": "server", title: save_folder, onclick },
      `MIDI file to ${save_folder?.split(/[\\/]/).pop()}`,
    );
    return button;
  };
  const folder = (/** @type {string} */ text, /** @type {boolean} */ again) => {
    const save = async () => {
      menu.hidePopover();
      await downloadToFolder(app, again);
    };
    const onclick = () => app.busy(button, save);
    const kind = again ? "other-folder" : "folder";
    const button = el("button", { type: "button", "data-save": kind, onclick }, text);
    return button;
  };
  const menu = el(
    "div",
    { id: "save-menu", class: "popover menu", popover: "", role: "group", "aria-label": "Save" },
    item("midi", "MIDI file"),
    ...(save_folder ? [onServer()] : []),
    ...(canSaveToFolder() ? [folder("MIDI file to my folder", false)] : []),
    item("wav", "WAV file"),
    item("project", "This piece as a project"),
    item("all", "Everything as a project"),
    ...(canSaveToFolder() ? [folder("Choose another folder…", true)] : []),
  );
  return menu;
}
