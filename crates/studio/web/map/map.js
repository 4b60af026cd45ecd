// @ts-check
// The map: points, styles, generated music, the puck and paths; controlled by mouse, touch and
// keys.

import { canvasOf, requireElement } from "../dom.js";
import { isDark, prefersReducedMotion, onTheme, color } from "../ui/theme.js";
import { Gestures } from "./gestures.js";
import { SpatialIndex } from "./spatial-index.js";
import { PUCK, drawScene } from "./overlay.js";
import { placeOf } from "./plane.js";
import { PointLayer, mixed, pixelOf } from "./points.js";
import { Puck } from "./puck.js";
import { nameAt, styleAt } from "./regions.js";
import { Tooltip } from "./tooltip.js";
import { View } from "./view.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/**
 * What is under the pointer: a window of real music, a window of a piece, or a style. For a style,
 * `place` is where the puck goes: the middle if the pointer is on its name.
 * @typedef {{ kind: "window", index: number, place: Point } | { kind: "take", take: Take, window:
 *   Window, place: Point } | { kind: "style", style: number, place: Point }} Hit
 */

/** Pixels around a point within which it is hit. */
const REACH = 9;
/** Maximum number of windows of generated pieces that are drawn. */
const MAX_GENERATED = 1500;
/** Milliseconds that the pointer rests before a window is loaded. */
const HOVER_DELAY = 45;
/** Milliseconds after the last movement until all points are drawn again. */
const SETTLE_DELAY = 120;
/** Fraction of their color that points keep under regions. */
const GROUND = 0.4;
/** Number of frames whose times are recorded. */
const N_FRAMES = 600;

/** Events: `path` (the path changed), `tool`. */
export class MapView extends EventTarget {
  view = new View();
  /** @type {"move" | "draw"} */
  #tool = "move";
  /**
   * The drawn path, in map coordinates.
   * @type {Point[]}
   */
  path = [];
  /**
   * Name of the highlighted style.
   * @type {string | null}
   */
  #marked = null;
  /**
   * Script milliseconds of the last frames, for measurements.
   * @type {number[]}
   */
  frames = [];
  #app;
  #points;
  #canvas = requireElement("#map-points", HTMLCanvasElement);
  #overlay = requireElement("#map-overlay", HTMLCanvasElement);
  #tooltip;
  /** @type {SpatialIndex} */
  #index = new SpatialIndex({
    xs: new Float32Array(),
    ys: new Float32Array(),
    styles: new Uint32Array(),
  });
  /** @type {Hit | null} */
  hovered = null;
  /**
   * The names that are written on the map.
   * @type {import("./regions.js").Name[]}
   */
  names = [];
  /**
   * Boxes of the elements above the map.
   * @type {import("./regions.js").Box[]}
   */
  #covered = [];
  #hoverTimer = 0;
  #settleTimer = 0;
  #frame = 0;
  #needsPoints = true;
  #isMoving = false;
  /** @type {{ take: Take, window: Window, place: Point }[]} */
  #made = [];

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#points = new PointLayer(this.#canvas);
    this.#tooltip = new Tooltip(requireElement("#map", HTMLElement));
    this.puck = new Puck(app);
    new Gestures(this.#overlay, this);
    new ResizeObserver(() => {
      this.view.resize(this.#overlay.clientWidth, this.#overlay.clientHeight);
      this.#covered = this.#findCovered();
      this.redraw();
    }).observe(this.#overlay);
    app.session.addEventListener("map", () => this.#onMap());
    app.session.addEventListener("styles", () => this.redraw());
    for (const event of ["change", "current"]) {
      app.history.addEventListener(event, () => this.#onMade());
    }
    for (const event of ["start", "swap", "stop"]) {
      app.player.addEventListener(event, () => this.refresh());
    }
    this.puck.addEventListener("move", () => this.refresh());
    onTheme(() => this.redraw());
  }

  get tool() {
    return this.#tool;
  }

  set tool(tool) {
    this.#tool = tool;
    this.#overlay.classList.toggle("draws", tool === "draw");
    this.dispatchEvent(new Event("tool"));
  }

  get marked() {
    return this.#marked;
  }

  set marked(name) {
    if (name === this.#marked) return;
    this.#marked = name;
    this.redraw();
  }

  #onMap() {
    const { map, points } = this.#app.session;
    if (!map) return;
    this.#index = new SpatialIndex(points);
    this.view.fit(map.bounds);
    this.#covered = this.#findCovered();
    this.hovered = null;
    this.#tooltip.hide();
    this.setPath([]);
    this.#onMade();
    this.redraw();
  }

  #onMade() {
    const inverse = this.#app.session.map?.inverse;
    const { takes, current } = this.#app.history;
    const all = current && !takes.includes(current) ? [current, ...takes] : takes;
    this.#made = !inverse
      ? []
      : all
          .flatMap((take) => take.windows.map((window) => ({ take, window })))
          .slice(0, MAX_GENERATED)
          .map(({ take, window }) => ({ take, window, place: placeOf(inverse, window.z) }));
    this.refresh();
  }

  /** Finds the buttons above the map, in its pixels. */
  #findCovered() {
    const map = this.#overlay.getBoundingClientRect();
    const bars = this.#overlay.parentElement?.querySelectorAll("#map-bar, #map-tools") ?? [];
    return [...bars].map((bar) => {
      const { left, top, right, bottom } = bar.getBoundingClientRect();
      const [x, y] = [map.left, map.top];
      return { left: left - x, top: top - y, right: right - x, bottom: bottom - y };
    });
  }

  /** Redraws everything. */
  redraw() {
    this.#needsPoints = true;
    this.refresh();
  }

  /** Redraws the overlay above the points. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Called when the user moves the map; during the movement, frames may skip points. */
  movedBy() {
    this.#isMoving = true;
    clearTimeout(this.#settleTimer);
    this.#settleTimer = Number(setTimeout(() => {
      this.#isMoving = false;
      if (this.#points.isPartial) this.redraw();
    }, SETTLE_DELAY));
    this.redraw();
  }

  #draw() {
    this.#frame = 0;
    const start = performance.now();
    const { session, history, player } = this.#app;
    if (this.#needsPoints) {
      this.#needsPoints = false;
      this.#points.draw(session.points, this.view, this.#colors(), this.#isMoving);
    }
    const drawn = canvasOf(this.#overlay);
    const heard = player.heard;
    const plays = heard !== null && history.current !== null;
    if (drawn) {
      const { current } = history;
      const { hovered } = this;
      this.names = drawScene(drawn.context, {
        view: this.view,
        glowing: hovered?.kind === "style" ? hovered.style : null,
        covered: this.#covered,
        ellipses: session.map?.ellipses ?? [],
        styles: session.styles,
        marked: this.#marked,
        made: this.#made.map(({ place }) => place),
        chosen: this.#made.filter(({ take }) => take === current).map(({ place }) => place),
        progress: plays ? heard.step / heard.score.n_steps : null,
        path: this.path,
        hovered: hovered && hovered.kind !== "style" ? hovered.place : null,
        puck: this.puck.place,
        puckPlays: plays && this.puck.window === history.current?.windows[0],
      });
    }
    this.frames.push(performance.now() - start);
    if (this.frames.length > N_FRAMES) this.frames.shift();
    // With reduced motion, the playhead of the piano roll is enough.
    if (plays && !prefersReducedMotion()) this.refresh();
  }

  #colors() {
    const faint = isDark() ? "#3a3d44" : "#cfcabf";
    const { styles } = this.#app.session;
    const colors = styles.map(
      ({ name, color, hidden }) => (
        hidden ? 0 : this.#pixelOf(this.#marked && this.#marked !== name ? faint : color)
      ),
    );
    return {
      colors: Int32Array.from(colors),
      background: pixelOf(color("--map")),
      none: pixelOf(faint),
    };
  }

  /**
   * In the view of the whole map, points are the background of the regions.
   * @param {string} style
   */
  #pixelOf(style) {
    const hasRegions = this.view.isWhole && this.#hasRegions;
    return hasRegions ? mixed(pixelOf(style), pixelOf(color("--map")), GROUND) : pixelOf(style);
  }

  get #hasRegions() {
    return (this.#app.session.map?.ellipses.length ?? 0) > 0;
  }

  /**
   * Returns what is under a pixel: generated music, the name of a style, a training window or, in
   * the view of the whole map, a style.
   * @param {number} x
   * @param {number} y
   * @param {number} [reach]
   * @returns {Hit | null}
   */
  hit(x, y, reach = REACH) {
    let [found, best] = [/** @type {Hit | null} */ (null), reach];
    for (const { take, window, place } of this.#made) {
      const at = this.view.toScreen(place.x, place.y);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance <= best) [found, best] = [{ kind: "take", take, window, place }, distance];
    }
    if (found) return found;
    const { map } = this.#app.session;
    const name = nameAt(this.names, x, y);
    const middle = name && map?.ellipses.find(({ style }) => style === name.style);
    if (middle) return { kind: "style", style: middle.style, place: { x: middle.x, y: middle.y } };
    if (!this.view.isWhole || !this.#hasRegions) return this.hitWindow(x, y, reach);
    const place = this.view.toMap(x, y);
    const style = styleAt(map?.ellipses ?? [], place);
    return style === null ? null : { kind: "style", style, place };
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} reach
   * @returns {Hit & { kind: "window" } | null}
   */
  hitWindow(x, y, reach) {
    const { points, styles } = this.#app.session;
    const at = this.view.toMap(x, y);
    const index = this.#index.find(
      at.x,
      at.y,
      reach / this.view.scale,
      (style) => !styles[style]?.hidden,
    );
    return index < 0 ? null : {
      kind: "window",
      index,
      place: { x: points.xs[index], y: points.ys[index] },
    };
  }

  /**
   * Whether the puck is under a pixel.
   * @param {number} x
   * @param {number} y
   * @param {boolean} isTouch
   */
  hitsPuck(x, y, isTouch) {
    const place = this.puck.place;
    if (!place) return false;
    const at = this.view.toScreen(place.x, place.y);
    return Math.hypot(at.x - x, at.y - y) <= PUCK + (isTouch ? 14 : 4);
  }

  /**
   * Shows a tooltip for what is under the pointer.
   * @param {number} x
   * @param {number} y
   */
  hover(x, y) {
    const hit = this.hit(x, y);
    const last = this.hovered;
    const same = hit && last && (
      hit.kind === "style"
        ? last.kind === "style" && hit.style === last.style
        : hit.kind === last.kind && hit.place.x === last.place.x && hit.place.y === last.place.y
    );
    if (same || (!hit && !this.hovered)) return;
    this.hovered = hit;
    this.#tooltip.hide();
    this.refresh();
    clearTimeout(this.#hoverTimer);
    if (hit) {
      this.#hoverTimer = Number(
        setTimeout(() => this.#show(hit, { x, y }), hit.kind === "window" ? HOVER_DELAY : 0),
      );
    }
  }

  unhover() {
    clearTimeout(this.#hoverTimer);
    this.#tooltip.hide();
    if (this.hovered) this.refresh();
    this.hovered = null;
  }

  /**
   * @param {Hit} hit
   * @param {Point} at
   */
  async #show(hit, at) {
    const app = this.#app;
    const nSteps = app.model.window_steps;
    if (hit.kind === "take") {
      const text = `${hit.take.how} · ${app.stylesText([hit.window])}`;
      this.#tooltip.show(at, { title: hit.take.title, text, notes: hit.window.notes, nSteps });
      return;
    }
    if (hit.kind === "style") {
      const style = app.session.styles[hit.style];
      if (style) this.#tooltip.show(at, { title: style.name, text: style.description });
      return;
    }
    const found = await app.attempt(() => app.session.window(hit.index));
    if (!found || this.hovered !== hit) return;
    const { source, window } = found;
    this.#tooltip.show(at, {
      title: `${source.file}, bar ${source.bar}`,
      text: app.stylesText([window]),
      notes: window.notes,
      nSteps,
    });
  }

  /**
   * Plays what was hit, and moves the puck there.
   * @param {Hit} hit
   */
  async playHit(hit) {
    const app = this.#app;
    if (hit.kind === "take") {
      this.puck.adopt(hit.window.z, hit.take.title);
      await app.play(hit.take);
      return;
    }
    if (hit.kind === "style") {
      this.puck.put(hit.place);
      return;
    }
    const found = await app.attempt(() => app.session.window(hit.index));
    if (!found) return;
    const { source, window } = found;
    const name = `${source.file}, bar ${source.bar}`;
    this.puck.adopt(window.z, name);
    await app.swap(app.takeOfWindows([window], "Training music", name));
    app.announce(`${name}: ${app.stylesText([window])}`);
  }

  /** @param {Point[]} path */
  setPath(path) {
    this.path = path;
    this.dispatchEvent(new Event("path"));
    this.refresh();
  }
}
