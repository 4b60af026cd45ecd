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
 * Returns memberships, or none for anything else: older projects have them by the place of each
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
 * Parses and validates a project, which may come from anywhere.
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
    if (!isObject(value) || !isCount(value.n_steps) || !value.n_steps) return [];
    if (!Array.isArray(value.notes) || !value.notes.every(isNote)) return [];
    const hasLatents = (/** @type {unknown} */ window) =>
      isObject(window) && numbers(window.z).length === model.z_size;
    const stored = value.windows;
    const windows = Array.isArray(stored) && !isOtherModel ? stored.filter(hasLatents) : [];
    const number = (/** @type {unknown} */ item) => (Number.isFinite(item) ? Number(item) : null);
    /** @type {Take} */
    const take = {
      id: typeof value.id === "string" ? value.id : crypto.randomUUID(),
      title: String(value.title ?? "A piece").slice(0, 200),
      how: String(value.how ?? "Project").slice(0, 200),
      made: number(value.made) ?? Date.now(),
      n_steps: Number(value.n_steps),
      qpm: Math.min(400, Math.max(20, number(value.qpm) ?? model.qpm)),
      notes: value.notes.map(({ pitch, start, end, voice }) => ({ pitch, start, end, voice })),
      windows: windows.map(({ tokens, z, notes, memberships }) => ({
        tokens: numbers(tokens),
        z,
        notes: Array.isArray(notes) ? notes.filter(isNote) : [],
        memberships: shares(memberships),
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
      ...(isCount(value.program) ? { program: Math.min(127, Number(value.program)) } : {}),
      ...(isCount(value.velocity)
        ? { velocity: Math.min(127, Math.max(1, Number(value.velocity))) }
        : {}),
    };
    return [take];
  });
  if (!takes.length) throw new Error("This project contains no readable pieces.");
  return {
    takes,
    current: takes.find(({ id }) => id === project.current) ?? takes[0],
    isOtherModel,
  };
}
