// @ts-check
// Starts the page: loads the model, then sets up the map, the panels, the piano roll and the sound.

import { Api } from "./api.js";
import { App } from "./app.js";
import { requireElement } from "./dom.js";
import { startMapBar } from "./map/bar.js";
import { MapView } from "./map/map.js";
import { CornersPanel } from "./panels/corners.js";
import { HistoryPanel } from "./panels/history.js";
import { MakePanel } from "./panels/make.js";
import { MixPanel } from "./panels/mix.js";
import { StylesPanel } from "./panels/styles.js";
import { Editor } from "./roll/editor.js";
import { Player } from "./sound/player.js";
import { History } from "./state/history.js";
import { startAutosave } from "./state/autosave.js";
import { Session } from "./state/session.js";
import { startHelp } from "./ui/help.js";
import { startKeys, undo } from "./ui/keys.js";
import { startRibbon } from "./ui/ribbon.js";
import { Tabs } from "./ui/tabs.js";
import { isDark, onTheme, setDark, startTheme } from "./ui/theme.js";
import { startToasts } from "./ui/toasts.js";
import { startTransport } from "./ui/transport.js";

/** Milliseconds between two attempts to reach the server at startup. */
const RETRY = 1500;

/** @param {Api} api */
async function modelOf(api) {
  const gone = requireElement("#gone", HTMLElement);
  for (;;) {
    try {
      const model = await api.get("/model");
      gone.hidden = true;
      return model;
    } catch (error) {
      gone.textContent = error instanceof Error ? `${error.message} Trying again…` : String(error);
      gone.hidden = false;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

/** @param {App} app */
function startTop(app) {
  const { history, model } = app;
  const nWindows = model.n_windows.toLocaleString("en");
  const name = requireElement("#model-name", HTMLElement);
  name.textContent = `${model.name} · ${nWindows} windows`;
  const [undoButton, redoButton] = [
    requireElement("#undo", HTMLButtonElement),
    requireElement("#redo", HTMLButtonElement),
  ];
  undoButton.addEventListener("click", () => undo(app, false));
  redoButton.addEventListener("click", () => undo(app, true));
  history.addEventListener("change", () => {
    undoButton.disabled = history.undoable === null;
    redoButton.disabled = history.redoable === null;
    undoButton.title = history.undoable ? `Undo ${history.undoable} (Ctrl+Z)` : "Undo (Ctrl+Z)";
    redoButton.title = history.redoable
      ? `Redo ${history.redoable} (Ctrl+Shift+Z)`
      : "Redo (Ctrl+Shift+Z)";
  });
  const theme = requireElement("#theme", HTMLButtonElement);
  theme.addEventListener("click", () => setDark(!isDark()));
  const mark = () => theme.setAttribute("aria-pressed", String(isDark()));
  onTheme(mark);
  mark();
}

async function start() {
  startTheme();
  const api = new Api();
  const model = await modelOf(api);
  const player = new Player();
  player.stepsPerQuarter = model.steps_per_quarter;
  player.voices = model.voices;
  player.qpm = model.qpm;
  const session = new Session(api, model);
  const history = new History();
  const app = new App(session, history, player);
  startToasts(app);
  await session.loadStyles();
  const map = new MapView(app);
  const editor = new Editor(app);
  const make = new MakePanel(app, map.puck);
  const panels = [
    make,
    new CornersPanel(app),
    new MixPanel(app),
    new StylesPanel(app, map),
    new HistoryPanel(app),
  ];
  const tabs = new Tabs(panels);
  startTransport(app, editor);
  startRibbon(app);
  startMapBar(app, map);
  startTop(app);
  startKeys(app, { map, tabs, make, help: startHelp() });
  startAutosave(history, model);
  // Dropping a file outside a drop zone must not replace the page.
  for (const event of ["dragover", "drop"]) {
    document.addEventListener(event, (event) => event.preventDefault());
  }
  // For tests and debugging.
  Object.assign(document, { studio: { app, map, editor, tabs } });
  // With two or more styles, the projection that separates them shows the most.
  await app.attempt(() => session.loadMap(session.visible.length > 1 ? "lda" : "pca"));
  app.announce("Click a point to hear it. Drag the puck to hear the music in between.");
  document.body.classList.add("ready");
}

start();
