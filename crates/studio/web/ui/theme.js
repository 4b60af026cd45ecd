// @ts-check
// Light and dark: the system's choice or the person's, and the style sheet's colours for what is drawn on canvases.

import { el } from "../dom.js";

/** @typedef {"auto" | "light" | "dark"} Choice */

const KEY = "controlgen.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Set<() => void>} */
const LISTENERS = new Set();
/** @type {Map<string, string>} */
const COLORS = new Map();
/** @type {HTMLElement | null} */
let probe = null;

/**
 * Something remembered from one visit to the next; nothing where the browser keeps nothing.
 * @param {string} key
 */
export function remembered(key) {
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
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing, or no more.
  }
}

function changed() {
  COLORS.clear();
  for (const listener of LISTENERS) listener();
}

/**
 * Calls back when colours change.
 * @param {() => void} listener
 */
export function onTheme(listener) {
  LISTENERS.add(listener);
}

/** Whether dark colours are shown. */
export function isDark() {
  const choice = document.documentElement.dataset.theme;
  return choice === "dark" || (choice !== "light" && DARK.matches);
}

/** Whether the person asked for little motion. */
export function isStill() {
  return STILL.matches;
}

/** @param {boolean} dark */
export function setDark(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  remember(KEY, dark ? "dark" : "light");
  changed();
}

export function startTheme() {
  const choice = remembered(KEY);
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  DARK.addEventListener("change", changed);
}

/**
 * A colour of the style sheet as `rgb(…)`, whatever functions it was written with.
 * @param {string} name such as `--text`
 */
export function color(name) {
  let found = COLORS.get(name);
  if (!found) {
    if (!probe) {
      probe = el("span", { hidden: true });
      document.body.append(probe);
    }
    probe.style.color = `var(${name})`;
    found = getComputedStyle(probe).color;
    COLORS.set(name, found);
  }
  return found;
}
