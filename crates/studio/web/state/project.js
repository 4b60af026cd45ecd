// @ts-check
// Saves pieces as a project file, and loads project files.

/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Model} Model */

const FORMAT = "controlgen.studio-project";
const VERSION = 1;

/**
 * @param {Take[]} takes
 * @param {Take | null} current
 * @param {Model} model
 */
export function projectText(takes, current, model) {
  const { name, version, kind, z_size } = model;
  return JSON.stringify({
    format: FORMAT,
    version: VERSION,
    model: { name, version, kind, z_size },
    current: current?.id ?? null,
    takes,
  });
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value */
function isCount(value) {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** @param {unknown} note */
function isNote(note) {
  if (!isObject(note)) return false;
  const { pitch, start, end, voice } = note;
  const areCounts = [pitch, start, end, voice].every(isCount);
  return areCounts && Number(pitch) < 128 && Number(end) > Number(start);
}

/**
 * Returns a list of numbers, or an empty list for anything else.
 * @param {unknown} value
 * @returns {number[]}
 */
function numbers(value) {
  return Array.isArray(value) && value.every((item) => Number.isFinite(item)) ? value : [];
}

/**
 * Returns memberships, or none for anything else. Older projects store them by the position of each
 * style in the list, which may have changed.
 * @param {unknown} value
 * @returns {import("../types.js").Memberships}
 */
function shares(value) {
  if (!isObject(value)) return {};
  const pairs = Object.entries(value).map(([id, share]) => [id, Number(share)]);
  return Object.fromEntries(pairs.filter(([, share]) => Number.isFinite(share)));
}

/**
 * @param {unknown} value
 * @returns {value is [number, number]}
 */
function isMeter(value) {
  return Array.isArray(value) && value.length === 2
    && value.every((item) => isCount(item) && item > 0 && item <= 64);
}

/**
 * Sections, or none for anything else.
 * @param {unknown} value
 * @returns {{ sections: import("../types.js").Section[] } | {}}
 */
function sections(value) {
  const isSection = (/** @type {unknown} */ item) =>
    isObject(item) && typeof item.name === "string" && isCount(item.n) && Number(item.n) > 0;
  if (!Array.isArray(value) || !value.every(isSection)) return {};
  return {
    sections: value.map(({ name, n, locked }) =>
      ({ name: name.slice(0, 20), n, ...(locked === true ? { locked } : {}) })),
  };
}

/**
 * Reads a piece from an untrusted source; `null` if it is not a piece.
 * @param {unknown} value
 * @param {Model} model
 * @param {boolean} isOtherModel whether its latents are those of another model
 * @returns {Take | null}
 */
export function takeFrom(value, model, isOtherModel) {
  if (!isObject(value) || !isCount(value.n_steps) || !value.n_steps) return null;
  if (!Array.isArray(value.notes) || !value.notes.every(isNote)) return null;
  const hasLatents = (/** @type {unknown} */ window) =>
    isObject(window) && numbers(window.z).length === model.z_size;
  const stored = value.windows;
  const windows = Array.isArray(stored) && !isOtherModel ? stored.filter(hasLatents) : [];
  const number = (/** @type {unknown} */ item) => (Number.isFinite(item) ? Number(item) : null);
  const key = (/** @type {unknown} */ item) =>
    Math.round(Math.min(60, Math.max(-60, number(item) ?? 0)));
  return {
    id: typeof value.id === "string" ? value.id : crypto.randomUUID(),
    title: String(value.title ?? "A piece").slice(0, 200),
    how: String(value.how ?? "Project").slice(0, 200),
    made: number(value.made) ?? Date.now(),
    n_steps: Number(value.n_steps),
    qpm: Math.min(400, Math.max(20, number(value.qpm) ?? model.qpm)),
    notes: value.notes.map(({ pitch, start, end, voice }) => ({ pitch, start, end, voice })),
    windows: windows.map((window) => ({
      tokens: numbers(window.tokens),
      z: window.z,
      // Older projects have windows of the usual length, in the model's key.
      n_steps: isCount(window.n_steps) && window.n_steps ? window.n_steps : model.window_steps,
      meter: isMeter(window.meter) ? window.meter : /** @type {[number, number]} */ ([4, 4]),
      key: key(window.key),
      notes: Array.isArray(window.notes) ? window.notes.filter(isNote) : [],
      memberships: shares(window.memberships),
    })),
    seed: number(value.seed),
    temperature: number(value.temperature),
    membership: number(value.membership),
    // Older projects call the fraction `share`.
    copy: isObject(value.copy)
      ? /** @type {any} */ ({ fraction: value.copy.share, ...value.copy })
      : null,
    favourite: value.favourite === true,
    edited: value.edited === true,
    ...sections(value.sections),
    ...(isCount(value.program) ? { program: Math.min(127, Number(value.program)) } : {}),
    ...(isCount(value.velocity)
      ? { velocity: Math.min(127, Math.max(1, Number(value.velocity))) }
      : {}),
  };
}

/**
 * Parses and validates a project from an untrusted source.
 * @param {string} text
 * @param {Model} model
 * @returns {{ takes: Take[], current: Take | null, isOtherModel: boolean }} whether the project was
 *   made with another model, so that its latents are meaningless here
 */
export function openProject(text, model) {
  let project;
  try {
    project = JSON.parse(text);
  } catch {
    throw new Error(
      "This is not a project: the file is not JSON. Projects are saved with the “Save” menu.",
    );
  }
  if (!isObject(project) || project.format !== FORMAT) {
    throw new Error(
      "This JSON file is not a project of the studio. Projects are saved with the “Save” menu.",
    );
  }
  if (project.version !== VERSION) {
    throw new Error(
      `This project has version ${project.version}; this studio reads version ${VERSION}.`,
    );
  }
  const made = isObject(project.model) ? project.model : {};
  const isOtherModel = made.z_size !== model.z_size
    || made.kind !== model.kind
    || made.name !== model.name
    || made.version !== model.version;
  const list = Array.isArray(project.takes) ? project.takes : [];
  const takes = list.flatMap((/** @type {unknown} */ value) => {
    const take = takeFrom(value, model, isOtherModel);
    return take ? [take] : [];
  });
  if (!takes.length) throw new Error("This project contains no readable pieces.");
  return {
    takes,
    current: takes.find(({ id }) => id === project.current) ?? takes[0],
    isOtherModel,
  };
}
