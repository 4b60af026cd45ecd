// @ts-check
// Moves the user's tune toward a style; plays the tune, the result, or both together.

import { LatestRequest, newSeed } from "../api.js";
import { el, fill } from "../dom.js";
import { drawMini } from "../roll/mini.js";
import { notesOfWindows } from "../state/notes.js";
import { Dial } from "../ui/dial.js";
import { dropZone } from "../ui/drop.js";
import { onTheme } from "../ui/theme.js";
import { Chips } from "./chips.js";
import { readTune } from "./tune.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Mix} Mix */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {"original" | "mixed" | "together"} Part */

/** Milliseconds after the last change until the mix is added to the history. */
const SETTLE_DELAY = 800;
/** @type {Record<Part, string>} */
const PARTS = { original: "Original", mixed: "Result", together: "Together" };

/** The panel. */
export class MixPanel {
  id = "mix";
  name = "Mix";
  root = el("div");
  #app;
  #chips;
  #dial;
  #canvas = el("canvas", { class: "mini wide" });
  #title = el("strong");
  #note = el("p", { class: "note" });
  #consonance = el("p", { class: "note", id: "consonance" });
  #method = el(
    "select",
    { id: "mix-method" },
    el("option", { value: "transport" }, "Keeping its character (transport)"),
    el("option", { value: "interpolate" }, "Straight to the style (interpolation)"),
  );
  /** The track and the bars of the file that are used. */
  #track = el("select", { id: "mix-track" });
  #first = el("select", { id: "mix-first" });
  #last = el("select", { id: "mix-last" });
  #choice = el(
    "div",
    { class: "fields", hidden: true },
    el("label", {}, "Track", this.#track),
    el("label", {}, "From bar", this.#first),
    el("label", {}, "To bar", this.#last),
  );
  /** @type {File | null} */
  #file = null;
  /**
   * The whole track.
   * @type {Take | null}
   */
  #whole = null;
  #tools = el("div", { hidden: true });
  /** @type {Map<Part, HTMLButtonElement>} */
  #buttons = new Map();
  /**
   * The tune.
   * @type {Take | null}
   */
  #tune = null;
  /** @type {Partial<Record<Part, Take>>} */
  #takes = {};
  /** @type {Part} */
  #part = "mixed";
  #seed = newSeed();
  #timer = 0;
  #latest;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#latest = new LatestRequest((_, signal) => this.#mix(signal), (error) => app.fail(error));
    this.#chips = new Chips(app, "Target style", false);
    this.#chips.addEventListener("change", () => this.#request());
    this.#method.addEventListener("change", () => this.#request());
    this.#track.addEventListener("change", () => {
      if (this.#file) this.drop(this.#file, Number(this.#track.value));
    });
    for (const select of [this.#first, this.#last]) {
      select.addEventListener("change", () => this.#useBars());
    }
    this.#dial = new Dial({
      label: "Strength", min: 0, max: 1, step: 0.02, value: 0.5,
      hint: "How far the tune moves toward the style",
      text: (value) => `${Math.round(100 * value)} %`,
      onChange: () => this.#request(),
    });
    for (const [part, name] of /** @type {[Part, string][]} */ (Object.entries(PARTS))) {
      this.#buttons.set(
        part,
        el(
          "button",
          {
            type: "button",
            "data-part": part,
            "aria-pressed": "false",
            onclick: () => this.#hear(part),
          },
          name,
        ),
      );
    }
    fill(
      this.#tools,
      el("div", { class: "tune" }, this.#canvas, this.#title, this.#note),
      this.#choice,
      el(
        "div",
        { class: "desk" },
        el("div", { class: "big-dial" }, this.#dial.root),
        el(
          "div",
          { class: "parts", role: "group", "aria-label": "What to play" },
          ...this.#buttons.values(),
        ),
      ),
      this.#consonance,
      el("h2", {}, "Toward"),
      this.#chips.root,
      el("div", { class: "fields" }, el("label", {}, "Method", this.#method)),
    );
    const use = el(
      "button",
      { type: "button", class: "small", id: "mix-current", onclick: () => this.#useCurrent() },
      "Use the selected piece",
    );
    fill(
      this.root,
      dropZone({
        text: "Drop a MIDI file here, or choose one",
        label: "A MIDI file to mix",
        accept: ".mid,.midi",
        id: "mix-file",
        take: (files) => this.drop(files[0]),
      }),
      use,
      this.#tools,
    );
    for (const event of ["current", "change"]) {
      app.history.addEventListener(event, () => this.#mark());
    }
    for (const event of ["start", "stop"]) app.player.addEventListener(event, () => this.#mark());
    onTheme(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /**
   * @param {File} file
   * @param {number} [track]
   */
  async drop(file, track) {
    await this.#app.attempt(async () => {
      const { tune, take } = await readTune(this.#app, file, track);
      const trackName = (/** @type {string | number} */ track) =>
        typeof track === "number" ? `track ${track}` : track;
      const reasons = tune.refused.map(({ track, why }) => `${trackName(track)} (${why})`);
      const refused = reasons.length ? `Not used: ${reasons.join("; ")}.` : "";
      this.#setTune(take, [tune.why, ...tune.changes, refused].filter(Boolean).join("; "));
      this.#file = file;
      this.#whole = take;
      this.#offer(tune, track);
      this.#app.history.add([take]);
      this.#request();
    });
  }

  /**
   * Offers the tracks of the file, and the bars of the chosen one.
   * @param {import("../types.js").Tune} tune
   * @param {number} [track] the requested one
   */
  #offer({ tracks, piece }, track) {
    const { window_bars } = this.#app.model;
    const option = (/** @type {number} */ value, /** @type {string} */ text) =>
      el("option", { value }, text);
    fill(this.#track, ...tracks.map(({ number, label }) => option(number, label)));
    const chosen = track ?? tracks[0]?.number;
    if (chosen !== undefined) this.#track.value = String(chosen);
    const label = this.#track.parentElement;
    if (label) label.hidden = tracks.length < 2;
    const bars = piece.windows.map((_, i) => i * window_bars);
    fill(this.#first, ...bars.map((bar) => option(bar, String(bar + 1))));
    fill(this.#last, ...bars.map((bar) => option(bar + window_bars, String(bar + window_bars))));
    this.#last.selectedIndex = bars.length - 1;
    this.#choice.hidden = tracks.length < 2 && bars.length < 2;
  }

  /** Uses some bars of the track instead of all. */
  #useBars() {
    const whole = this.#whole;
    if (!whole) return;
    const { window_bars } = this.#app.model;
    const from = Number(this.#first.value) / window_bars;
    const to = Math.max(from + 1, Number(this.#last.value) / window_bars);
    this.#last.value = String(to * window_bars);
    const windows = whole.windows.slice(from, to);
    const part = {
      ...whole, id: crypto.randomUUID(), windows,
      n_steps: windows.reduce((sum, { n_steps }) => sum + n_steps, 0),
      notes: notesOfWindows(windows),
    };
    this.#setTune(part, `Bars ${from * window_bars + 1} to ${to * window_bars}`);
    this.#request();
  }

  #useCurrent() {
    const take = this.#app.history.current;
    if (take?.windows.length) {
      this.#choice.hidden = true;
      this.#setTune(take, take.how);
      this.#request();
    } else this.#app.announce("Select a piece first.");
  }

  /**
   * @param {Take} take
   * @param {string} note
   */
  #setTune(take, note) {
    this.#tune = take;
    this.#takes = {};
    this.#seed = newSeed();
    this.#tools.hidden = false;
    this.#title.textContent = take.title;
    this.#note.textContent = note;
    this.#draw();
  }

  #draw() {
    if (this.#tune) drawMini(this.#canvas, this.#tune.notes, this.#tune.n_steps);
  }

  #request() {
    if (this.#tune && this.#chips.one) this.#latest.send({});
  }

  /** @param {AbortSignal} signal */
  async #mix(signal) {
    const app = this.#app;
    const tune = this.#tune;
    if (!tune) return;
    const style = this.#chips.one;
    const strength = this.#dial.value;
    const before = app.history.current;
    /** @type {Mix} */
    const mix = await app.api.post(
      "/mix",
      {
        tokens: tune.windows.map(({ tokens }) => tokens),
        style,
        strength,
        method: this.#method.value,
        temperature: app.session.temperature,
        seed: this.#seed,
        qpm: tune.qpm,
      },
      signal,
    );
    const how = `${Math.round(100 * strength)} % to ${style}`;
    this.#takes = {
      original: app.take(mix.original, "The tune", tune.title),
      mixed: app.take(mix.mixed, how, `${tune.title}, ${style}`),
      together: app.take(mix.together, `${how}, with the tune`, `${tune.title} with ${style}`),
    };
    this.#consonance.textContent = mix.consonance === null
      ? ""
      : `Consonant ${Math.round(100 * mix.consonance)} % of the time when played together.`;
    const take = this.#takes[this.#part];
    if (take) await app.swap(take);
    clearTimeout(this.#timer);
    this.#timer = Number(setTimeout(() => {
      if (take && app.history.current === take) app.history.add([take], { before });
    }, SETTLE_DELAY));
    this.#mark();
  }

  /** @param {Part} part */
  async #hear(part) {
    const { player, history } = this.#app;
    const take = this.#takes[part];
    if (player.isPlaying && take && history.current === take) {
      player.stop();
      return;
    }
    this.#part = part;
    if (!take) return;
    await this.#app.swap(take);
    if (!history.takes.includes(take) && part !== "original") history.add([take]);
    this.#mark();
  }

  #mark() {
    const { player, history } = this.#app;
    for (const [part, button] of this.#buttons) {
      const take = this.#takes[part];
      button.setAttribute(
        "aria-pressed",
        String(player.isPlaying && take !== undefined && history.current === take),
      );
      button.disabled = !take;
    }
  }
}
