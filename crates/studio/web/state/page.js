// @ts-check
// The state that survives a reload in addition to the pieces: the selection, the tab, the dials and
// the choices.

import { loadSetting, saveSetting } from "../ui/theme.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").MapData["projection"]} Projection */

/**
 * @typedef {object} PageState
 * @property {Record<string, unknown>} dials
 * @property {string} tab
 * @property {string | null} current id of the selected piece
 * @property {Projection | null} projection
 * @property {string[]} between
 * @property {string[]} chosen names of the styles to generate
 * @property {{ n: string, bars: string, form: string } | null} fields
 * @property {Record<string, unknown>} shape
 */

const KEY = "controlgen.page";
/** Milliseconds after the last change until the state is stored. */
const DELAY = 200;
const PROJECTIONS = ["pca", "lda", "neighbours"];

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
function fields(value) {
  return typeof value === "object" && value !== null
    ? /** @type {Record<string, unknown>} */ (value)
    : {};
}

/** @param {unknown} value */
function strings(value) {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/**
 * Reads the state that was stored for a model.
 * @param {string} hash of the model
 * @returns {PageState}
 */
export function loadPage(hash) {
  /** @type {Record<string, unknown>} */
  let stored = {};
  try {
    stored = fields(JSON.parse(loadSetting(`${KEY}.${hash}`) ?? "{}"));
  } catch {
    // Truncated: the page starts as if it were new.
  }
  const { tab, current, projection } = stored;
  const { n, bars, form } = fields(stored.fields);
  return {
    dials: fields(stored.dials),
    tab: typeof tab === "string" ? tab : "",
    current: typeof current === "string" ? current : null,
    projection: PROJECTIONS.includes(String(projection))
      ? /** @type {Projection} */ (projection)
      : null,
    between: strings(stored.between),
    chosen: strings(stored.chosen),
    fields: typeof n === "string" && typeof bars === "string"
      ? { n, bars, form: typeof form === "string" ? form : "" }
      : null,
    shape: fields(stored.shape),
  };
}

/**
 * Turns the dials to stored values.
 * @param {import("./session.js").Session["dials"]} dials
 * @param {Record<string, unknown>} stored
 */
export function restoreDials(dials, stored) {
  for (const name of /** @type {const} */ ([
    "temperature", "spread", "membership", "reach", "smoothness", "care", "copied",
  ])) {
    const value = stored[name];
    if (typeof value === "number" && Number.isFinite(value)) dials[name] = value;
  }
  for (const [name, value] of Object.entries(fields(stored.attributes))) {
    if (typeof value === "number" && Number.isFinite(value)) dials.attributes[name] = value;
  }
}

/**
 * Restores the chosen key, instrument and dynamics.
 * @param {import("./session.js").Session["shape"]} shape
 * @param {Record<string, unknown>} stored
 */
export function restoreShape(shape, { key, inScale, program, velocity }) {
  const within = (/** @type {unknown} */ value, /** @type {number} */ low) =>
    typeof value === "number" && Number.isInteger(value) && value >= low && value <= 127;
  if (within(key, -5) && Number(key) <= 6) shape.key = Number(key);
  if (typeof inScale === "boolean") shape.inScale = inScale;
  if (within(program, 0)) shape.program = Number(program);
  if (within(velocity, 1)) shape.velocity = Number(velocity);
}

/**
 * Stores the state whenever it changes.
 * @param {App} app
 * @param {import("../ui/tabs.js").Tabs} tabs
 * @param {import("../panels/make.js").MakePanel} make
 */
export function startPage(app, tabs, make) {
  const { session, history } = app;
  let timer = 0;
  const save = () => {
    clearTimeout(timer);
    timer = 0;
    /** @type {PageState} */
    const state = {
      dials: session.dials,
      tab: tabs.open,
      current: history.current?.id ?? null,
      projection: session.projection,
      between: session.between,
      shape: session.shape,
      ...make.choices,
    };
    saveSetting(`${KEY}.${app.model.hash}`, JSON.stringify(state));
  };
  const changed = () => {
    clearTimeout(timer);
    timer = Number(setTimeout(save, DELAY));
  };
  for (const event of ["map", "dials"]) session.addEventListener(event, changed);
  history.addEventListener("current", changed);
  tabs.addEventListener("open", changed);
  make.root.addEventListener("change", changed);
  make.root.addEventListener("click", changed);
  addEventListener("pagehide", () => {
    if (timer) save();
  });
}
