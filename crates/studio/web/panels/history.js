// @ts-check
// The history of everything that was made: favorites and projects.

import { el, fill } from "../dom.js";
import { openProject } from "../state/project.js";
import { download } from "../ui/export.js";
import { dropZone } from "../ui/drop.js";
import { Rows } from "./rows.js";

/** @typedef {import("../app.js").App} App */

/** The panel. */
export class HistoryPanel {
  id = "history";
  name = "History";
  root = el("div");
  #app;
  #rows;
  #only = el(
    "button",
    { type: "button", id: "only-favourites", "aria-pressed": "false" },
    "★ Favorites",
  );

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#rows = new Rows(
      app,
      "What you make is kept here, with its seed. Touch the map to begin.",
    );
    this.#only.addEventListener("click", () => {
      this.#only.setAttribute(
        "aria-pressed",
        String(this.#only.getAttribute("aria-pressed") !== "true"),
      );
      this.#draw();
    });
    const all = el(
      "button",
      {
        type: "button",
        class: "small",
        id: "save-all",
        onclick: () => app.attempt(() => download(app, "all")),
      },
      "Save all",
    );
    fill(
      this.root,
      el("div", { class: "row spread" }, this.#only, all),
      this.#rows.root,
      dropZone({
        text: "Drop a project file here to open it",
        label: "A project file",
        accept: ".json",
        id: "project-file",
        take: (files) => app.attempt(() => this.open(files[0])),
      }),
    );
    app.history.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  #draw() {
    const only = this.#only.getAttribute("aria-pressed") === "true";
    this.#rows.show(this.#app.history.takes.filter((take) => !only || take.favourite));
  }

  /** @param {File} file */
  async open(file) {
    const app = this.#app;
    const { takes, current, isOtherModel } = openProject(await file.text(), app.model);
    // Pieces that are already here are added again as separate pieces, since the file may differ.
    const here = new Set(app.history.takes.map(({ id }) => id));
    for (const take of takes) if (here.has(take.id)) take.id = crypto.randomUUID();
    const first = current ? [current, ...takes.filter((take) => take !== current)] : takes;
    app.history.add(first);
    const opened = takes.length === 1 ? "A piece was opened" : `${takes.length} pieces were opened`;
    const note = isOtherModel ? "; made with another model, so not shown on this map" : "";
    app.announce(opened + note);
  }
}
