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
import { loadPage, restoreDials, restoreShape, startPage } from "./state/page.js";
import { Session } from "./state/session.js";
import { startDropAnywhere } from "./ui/drop-anywhere.js";
import { startHelp } from "./ui/help.js";
import { startKeys, undo } from "./ui/keys.js";
import { startRibbon } from "./ui/ribbon.js";
import { startSections } from "./ui/sections.js";
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
  const page = loadPage(model.hash);
  restoreDials(session.dials, page.dials);
  restoreShape(session.shape, page.shape);
  session.between = page.between;
  const history = new History();
  const app = new App(session, history, player);
  startToasts(app);
  await session.loadStyles();
  const map = new MapView(app);
  const editor = new Editor(app);
  const make = new MakePanel(app, map.puck);
  const corners = new CornersPanel(app);
  const mix = new MixPanel(app);
  const styles = new StylesPanel(app, map);
  const pieces = new HistoryPanel(app);
  const tabs = new Tabs([make, corners, mix, styles, pieces]);
  startTransport(app, editor);
  startRibbon(app);
  startSections(app);
  startMapBar(app, map);
  startTop(app);
  startKeys(app, { map, tabs, make, help: startHelp() });
  await startAutosave(app);
  make.choose(page);
  if (tabs.has(page.tab)) tabs.show(page.tab);
  const current = history.takes.find(({ id }) => id === page.current);
  if (current) history.choose(current);
  startPage(app, tabs, make);
  startDropAnywhere(app, tabs, {
    mix: (file) => mix.drop(file),
    corner: (file) => corners.drop(file),
    style: (files) => styles.addFiles(files),
    project: (file) => pieces.open(file),
    importStyle: (file) => styles.import(file),
  });
  // For tests and debugging.
  Object.assign(document, { studio: { app, map, editor, tabs } });
  // With two or more styles, the projection that separates them shows the most.
  const projection = page.projection ?? (session.visible.length > 1 ? "lda" : "pca");
  await app.attempt(() => session.loadMap(projection));
  if (!history.takes.length) {
    app.announce("Touch the map to hear it. Drag the puck; zoom in for the music it was made of.");
  }
  document.body.classList.add("ready");
}

start();
