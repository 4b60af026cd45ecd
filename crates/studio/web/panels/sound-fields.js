// @ts-check
// The key and its scale, the instrument and the dynamics of what is generated.

import { el } from "../dom.js";
import { KEYS } from "../state/scale.js";
import { DYNAMICS, PROGRAMS } from "../ui/shape.js";

/** @typedef {import("../app.js").App} App */

/**
 * @param {App} app
 * @param {() => void} changed
 */
export function soundFields(app, changed) {
  const { shape } = app.session;
  const option = (/** @type {[number, string]} */ [value, text]) => el("option", { value }, text);
  const select = (
    /** @type {string} */ id,
    /** @type {[number, string][]} */ options,
    /** @type {number | null} */ value,
  ) => {
    const found = el(
      "select", { id }, el("option", { value: "" }, "as the model"), ...options.map(option),
    );
    found.value = String(value ?? "");
    return found;
  };
  const number = (/** @type {HTMLSelectElement} */ { value }) =>
    (value === "" ? null : Number(value));
  const key = el("select", { id: "make-key" }, ...KEYS.map(option));
  key.value = String(shape.key);
  const program = select("make-program", PROGRAMS, shape.program);
  const velocity = select("make-velocity", DYNAMICS, shape.velocity);
  key.addEventListener("change", () => {
    shape.key = Number(key.value);
    changed();
  });
  const inScale = el("input", { type: "checkbox", id: "make-in-scale" });
  inScale.checked = shape.inScale;
  inScale.addEventListener("change", () => {
    shape.inScale = inScale.checked;
    changed();
  });
  program.addEventListener("change", () => {
    shape.program = number(program);
    changed();
  });
  velocity.addEventListener("change", () => {
    shape.velocity = number(velocity);
    changed();
  });
  return el(
    "div",
    { class: "fields" },
    app.model.in_one_key ? el("label", {}, "Key", key) : null,
    app.model.in_one_key ? el(
      "label",
      { class: "row", title: "Notes of new music outside the scale of the key move into it" },
      inScale, el("span", {}, "In the scale"),
    ) : null,
    el("label", {}, "Instrument", program),
    el("label", {}, "Dynamics", velocity),
  );
}
