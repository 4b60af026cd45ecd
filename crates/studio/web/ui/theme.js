// @ts-check
// Light and dark theme, chosen by the system or the user, and the colors of the style sheet for
// drawing on canvases.

import { el } from "../dom.js";

/** @typedef {"auto" | "light" | "dark"} Choice */

const KEY = "controlgen.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");
const FORCED = matchMedia("(forced-colors: active)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Set<() => void>} */
const LISTENERS = new Set();
/** @type {Map<string, string>} */
const COLORS = new Map();
/** @type {HTMLElement | null} */
let probe = null;
/**
 * Colors of parts.
 * @type {string[]}
 */
let parts = [];

/**
 * Loads a stored setting; `null` if there is none or the browser stores nothing.
 * @param {string} key
 */
export function loadSetting(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function saveSetting(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The browser stores nothing, or its storage is full.
  }
}

function changed() {
  COLORS.clear();
  parts = [];
  for (const listener of LISTENERS) listener();
}

/**
 * Registers a listener for changes of colors.
 * @param {() => void} listener
 */
export function onTheme(listener) {
  LISTENERS.add(listener);
}

/** Whether the dark theme is shown. */
export function isDark() {
  const choice = document.documentElement.dataset.theme;
  return choice === "dark" || (choice !== "light" && DARK.matches);
}

/** Whether the user prefers reduced motion. */
export function prefersReducedMotion() {
  return STILL.matches;
}

/** @param {boolean} dark */
export function setDark(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  saveSetting(KEY, dark ? "dark" : "light");
  changed();
}

export function startTheme() {
  const choice = loadSetting(KEY);
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  for (const query of [DARK, FORCED]) query.addEventListener("change", changed);
}

/**
 * The color of a voice in piano rolls, the same as in pictures and on other pages.
 * @param {number} voice
 */
export function partColor(voice) {
  if (!parts.length) {
    const all = getComputedStyle(document.documentElement).getPropertyValue("--roll-parts");
    parts = all.trim().split(/\s+/).map(color);
  }
  return parts[voice % parts.length];
}

/**
 * A color, resolved to `rgb(…)`.
 * @param {string} name a property of the style sheet, for example `--text`, or a color
 */
export function color(name) {
  let found = COLORS.get(name);
  if (!found) {
    if (!probe) {
      // Takes its color from the style sheet even if the system forces its own colors, which are in
      // the tokens.
      probe = el("span", { hidden: true, class: "probe" });
      document.body.append(probe);
    }
    probe.style.color = name.startsWith("--") ? `var(${name})` : name;
    found = getComputedStyle(probe).color;
    COLORS.set(name, found);
  }
  return found;
}
