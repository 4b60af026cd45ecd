// @ts-check
// Generates music in one or several styles: dials, number, length, and the results.

import { newSeed } from "../api.js";
import { el, fill, iconButton } from "../dom.js";
import { Dial } from "../ui/dial.js";
import { Chips } from "./chips.js";
import { Rows, textButton } from "./rows.js";
import { LiveDials } from "./live-dials.js";
import { sectionsOfForm } from "../state/sections.js";
import { soundFields } from "./sound-fields.js";
import { Vary } from "./vary.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Piece} Piece */

/**
 * Forms of longer pieces with their numbers of sections: 0 for any length.
 * @type {[string, string, number][]}
 */
const FORMS = [
  ["", "as in real pieces", 0], ["through", "always new", 0], ["AA'", "A A′", 2],
  ["AB", "A B", 2],
  ["AABA", "A A B A", 4], ["ABAC", "A B A C", 4], ["AA'BA'", "A A′ B A′", 4],
  ["ABACABA", "rondo: A B A C A B A", 7],
];

/** Range of an attribute dial, in standard deviations. */
const MAX_SHIFT = 3;
/**
 * The maximum of the reach dial means no limit. Latents are about 1 from the mean of a style, in
 * units of the square root of the number of dimensions.
 */
const NO_LIMIT = 1.5;

/**
 * @param {number} value
 * @param {number} digits
 */
function signed(value, digits) {
  return value === 0 ? "0" : `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`;
}

/** The panel. */
export class MakePanel {
  id = "make";
  name = "Make";
  root = el("div");
  #app;
  #chips;
  #weights = el("div", { class: "weights" });
  #n = el("input", { type: "number", min: "1", value: "4", id: "n-pieces" });
  #bars;
  #form = el("select", { id: "form" });
  #seed = el("input", {
    type: "text", inputmode: "numeric", placeholder: "any", id: "seed", pattern: "[0-9]*",
    maxlength: "15",
  });
  #made;
  #dropped = el("p", { class: "note", hidden: true });
  #generate;
  /** The styles that it generates. */
  #what = el("span", { class: "of" });
  /** @type {Dial[]} */
  #dials = [];

  /**
   * @param {App} app
   * @param {import("../map/puck.js").Puck} puck
   */
  constructor(app, puck) {
    this.#app = app;
    new LiveDials(app, puck);
    const { model } = app;
    this.#chips = new Chips(app, "Styles", true);
    this.#chips.addEventListener("change", () => this.#drawWeights());
    app.session.addEventListener("styles", () => this.#drawWeights());
    this.#n.max = String(Math.min(32, model.limits.n_pieces));
    const lengths = [1, 2, 4, 8, 16].map((n) => n * model.window_bars).filter(
      (n) => n <= model.limits.n_bars,
    );
    this.#bars = el(
      "select",
      { id: "n-bars" },
      ...lengths.map((n) => el("option", { value: n }, String(n))),
    );
    this.#bars.value = String(lengths[Math.min(1, lengths.length - 1)]);
    this.#made = new Rows(app, "Pieces that you generate appear here.");
    this.#generate = textButton(
      "dice",
      "Generate",
      () => this.generate(),
      { id: "generate", class: "primary", title: "Generate (G)" },
    );
    this.#generate.append(this.#what);
    const dials = this.#makeDials();
    const vary = new Vary(app, () => Number(this.#n.value), (takes) => this.#made.show(takes));
    fill(
      this.root,
      el(
        "div",
        { class: "fields" },
        el("label", {}, "Pieces", this.#n),
        el("label", {}, "Bars", this.#bars),
        el("label", {}, "Seed", this.#seed),
      ),
      el("div", { class: "fields" }, el("label", {}, "Form", this.#form)),
      this.#generate,
      el("div", { class: "made" }, this.#dropped, this.#made.root),
      this.#chips.root,
      this.#weights,
      el("div", { class: "dials" }, ...dials.general),
      soundFields(app, () => this.#keep(() => {})),
      el(
        "h2",
        { id: "turn" },
        "Attributes",
        iconButton("undo", "Reset all attributes", () => this.#reset(), { class: "quiet reset" }),
      ),
      el("div", { class: "dials", id: "attributes" }, ...dials.attributes),
      el("h2", {}, "Vary"),
      vary.root,
    );
    if (!dials.attributes.length) this.root.querySelector("#turn")?.remove();
    this.#bars.addEventListener("change", () => this.#drawForms());
    this.#drawForms();
    this.#made.show([]);
    this.#drawWeights();
  }

  /** The choices that survive a reload. */
  get choices() {
    return {
      chosen: [...this.#chips.chosen],
      fields: { n: this.#n.value, bars: this.#bars.value, form: this.#form.value },
    };
  }

  /**
   * @param {object} choices
   * @param {string[]} choices.chosen
   * @param {{ n: string, bars: string, form: string } | null} choices.fields
   */
  choose({ chosen, fields }) {
    this.#chips.choose(chosen);
    if (!fields) return;
    const n = Number(fields.n);
    if (n >= 1 && n <= Number(this.#n.max)) this.#n.value = String(Math.round(n));
    const lengths = [...this.#bars.options].map(({ value }) => value);
    if (lengths.includes(fields.bars)) this.#bars.value = fields.bars;
    this.#drawForms();
    const forms = [...this.#form.options].map(({ value }) => value);
    if (forms.includes(fields.form)) this.#form.value = fields.form;
  }

  /** Forms whose sections divide the piece. */
  #drawForms() {
    const nWindows = Number(this.#bars.value) / this.#app.model.window_bars;
    const { value } = this.#form;
    const fitting = FORMS.filter(([, , n]) => n === 0 || nWindows % n === 0);
    fill(this.#form, ...fitting.map(([form, text]) => el("option", { value: form }, text)));
    this.#form.value = fitting.some(([form]) => form === value) ? value : "";
    const label = this.#form.parentElement;
    if (label) label.hidden = nWindows < 2 || !this.#app.model.has_pieces;
  }

  #makeDials() {
    const { session, model } = this.#app;
    const { dials } = session;
    const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;
    const general = [
      new Dial({
        label: "Daring", min: 0, max: 1.5, step: 0.05, value: dials.temperature, initial: 0.5,
        hint: "How adventurous the notes are; 0 always takes the most likely note (temperature)",
        text: (value) => (value === 0 ? "most likely" : value.toFixed(2)),
        onChange: (value) => this.#change(() => (dials.temperature = value)),
      }),
      new Dial({
        label: "Variety", min: 0, max: 2, step: 0.05, value: dials.spread, initial: 1,
        hint: "How far pieces stray from the typical sound of the style (latent temperature)",
        text: (value) => value.toFixed(2),
        onChange: (value) => this.#keep(() => (dials.spread = value)),
      }),
      new Dial({
        label: "In style", min: 0, max: 0.95, step: 0.05, value: dials.membership, initial: 0,
        hint: "Rejects pieces that turned out as the style less than this (membership)",
        text: (value) => (value === 0 ? "any" : `≥ ${percent(value)}`),
        onChange: (value) => this.#keep(() => (dials.membership = value)),
      }),
      new Dial({
        label: "Reach", min: 0.5, max: NO_LIMIT, step: 0.05, value: dials.reach, initial: NO_LIMIT,
        hint: "Limits the distance from the typical sound of the style; 1 is usual",
        text: (value) => (value === NO_LIMIT ? "any" : `≤ ${value.toFixed(2)}`),
        onChange: (value) => this.#keep(() => (dials.reach = value)),
      }),
      model.has_pieces ? new Dial({
        label: "Care", min: 1, max: 32, step: 1, value: dials.care, initial: 8,
        hint: "How many drafts each part of a longer piece is chosen among; more fit better and " +
          "take longer (candidates)",
        text: (value) => `best of ${value}`,
        onChange: (value) => this.#keep(() => (dials.care = value)),
      }) : new Dial({
        label: "Smoothness", min: 0, max: 1, step: 0.05, value: dials.smoothness, initial: 0.8,
        hint: "How similar each part of a longer piece is to the one before",
        text: percent,
        onChange: (value) => this.#keep(() => (dials.smoothness = value)),
      }),
    ];
    if (model.has_copy_index) {
      general.push(
        new Dial({
          label: "Copied", min: 0.1, max: 1, step: 0.05, value: dials.copied, initial: 1,
          hint: "Rejects pieces that copy a longer part of one training piece",
          text: (value) => (value === 1 ? "any" : `≤ ${percent(value)}`),
          onChange: (value) => this.#keep(() => (dials.copied = value)),
        }),
      );
    }
    const attributes = model.attributes.map(
      ({ name, what }) =>
        new Dial({
          label: name, min: -MAX_SHIFT, max: MAX_SHIFT, step: 0.1, origin: 0,
          value: dials.attributes[name] ?? 0, initial: 0,
          hint: what,
          text: (value) => signed(value, 1),
          onChange: (value) => this.#change(() => (dials.attributes[name] = value)),
        }),
    );
    this.#dials = attributes;
    return {
      general: general.map(({ root }) => root),
      attributes: attributes.map(({ root }) => root),
    };
  }

  /** @param {() => void} change */
  #change(change) {
    change();
    this.#app.session.notifyDials();
  }

  /** @param {() => void} change of a dial that only concerns new music */
  #keep(change) {
    change();
    this.root.dispatchEvent(new Event("change"));
  }

  #reset() {
    for (const dial of this.#dials) dial.set(0);
    this.#change(() => (this.#app.session.dials.attributes = {}));
  }

  #drawWeights() {
    const names = [...this.#chips.chosen];
    this.#what.textContent = names.join(" + ");
    if (names.length < 2) {
      fill(this.#weights);
      return;
    }
    const old = new Map(this.#weightsOf().map(({ style, weight }) => [style, weight]));
    fill(
      this.#weights,
      ...names.map((name) => {
        const range = el("input", {
          type: "range",
          min: "0.05",
          max: "1",
          step: "0.05",
          value: String(old.get(name) || 0.5),
          "data-style": name,
        });
        const style = this.#app.session.styles.find((style) => style.name === name);
        if (style) range.style.accentColor = style.color;
        return el("label", {}, el("span", {}, name), range);
      }),
    );
  }

  #weightsOf() {
    return [...this.#weights.querySelectorAll("input")].map(
      (input) => ({ style: input.dataset.style ?? "", weight: Number(input.value) }),
    );
  }

  async generate() {
    const app = this.#app;
    await app.busy(this.#generate, async () => {
      const { dials, temperature, attributes } = app.session;
      const names = [...this.#chips.chosen];
      const weights = this.#weightsOf();
      const sum = weights.reduce((sum, { weight }) => sum + weight, 0);
      const blend = weights.map(({ style, weight }) => ({ style, weight: weight / sum }));
      const typed = this.#seed.value.trim();
      if (!/^\d*$/.test(typed)) {
        throw new Error(`A seed is a whole number, not “${typed}”; leave it empty for any.`);
      }
      const seed = typed === "" ? newSeed() : Number(typed);
      const n = Math.round(Number(this.#n.value));
      if (!(n >= 1 && n <= Number(this.#n.max))) {
        throw new Error(`The number of pieces must be 1 to ${this.#n.max}.`);
      }
      const { window_bars } = app.model;
      const bars = Number(this.#bars.value);
      const root = Math.sqrt(app.model.active_dimensions.length);
      const truncate = dials.reach < NO_LIMIT ? dials.reach * root : null;
      /** @type {{ pieces: Piece[], dropped: { why: string, n: number }[] }} */
      const { pieces, dropped } = await app.api.post("/generate", {
        ...(names.length > 1 ? { blend } : { style: names[0] }),
        n,
        bars,
        temperature,
        latent_temperature: dials.spread,
        ...(app.model.has_pieces
          ? { form: this.#form.value || null, candidates: bars > window_bars ? dials.care : null }
          : { smoothness: dials.smoothness }),
        truncate,
        seed,
        min_membership: dials.membership || null,
        max_copy_fraction: dials.copied < 1 ? dials.copied : null,
        attributes,
        ...(app.session.shape.inScale ? { in_scale: true } : {}),
      });
      const takes = pieces.map((piece) => {
        const take = app.shaped(app.take(piece, names.join(" + ")));
        const n = take.windows.length;
        if (n > 1) take.sections = sectionsOfForm(this.#form.value, piece.form, n);
        return take;
      });
      this.#dropped.hidden = !dropped.length;
      this.#dropped.textContent = dropped.map(({ why, n }) => `${n} rejected: ${why}`).join(" ");
      this.#made.show(takes);
      this.#made.root.parentElement?.scrollTo({ top: 0 });
      if (!takes.length) return;
      app.history.add(takes);
      await app.play(takes[0]);
      app.announce(`${takes.length} pieces of ${names.join(" and ")}, seed ${seed}`);
    });
  }
}
