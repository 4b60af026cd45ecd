// @ts-check
// The map: points, styles, what was made, the puck and paths, steered by pointer, wheel, fingers and keys.

import { canvasOf, the } from "../dom.js";
import { isDark, isStill, onTheme, color } from "../ui/theme.js";
import { Gestures } from "./gestures.js";
import { Near } from "./near.js";
import { PUCK, drawScene } from "./overlay.js";
import { placeOf } from "./plane.js";
import { PointLayer, pixelOf } from "./points.js";
import { Puck } from "./puck.js";
import { Tooltip } from "./tooltip.js";
import { View } from "./view.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Take} Take */
/** @typedef {import("../types.js").Window} Window */
/** @typedef {{ kind: "window", index: number, place: Point } | { kind: "take", take: Take, window: Window, place: Point }} Hit */

/** Pixels around a point that still hit it. */
const REACH = 9;
/** Windows of made pieces that are drawn. */
const MADE = 1500;
/** Milliseconds that the pointer rests before a window is asked for. */
const REST = 45;
/** Milliseconds after the last move of the map until all points are drawn again. */
const CALM = 120;
/** Frames whose times are kept. */
const TIMED = 600;

/** Events: `path` (a path was drawn, or is gone), `tool`. */
export class MapView extends EventTarget {
  view = new View();
  /** @type {"move" | "draw"} */
  #tool = "move";
  /** A drawn path, in the map's coordinates.
   * @type {Point[]} */
  path = [];
  /** Name of a style that stands out. @type {string | null} */
  #marked = null;
  /** Script milliseconds of the last frames, for whoever measures. @type {number[]} */
  frames = [];
  #app;
  #points;
  #canvas = the("#map-points", HTMLCanvasElement);
  #overlay = the("#map-overlay", HTMLCanvasElement);
  #tooltip;
  /** @type {Near} */
  #near = new Near({ xs: new Float32Array(), ys: new Float32Array(), styles: new Uint32Array() });
  /** @type {Hit | null} */
  hovered = null;
  #hoverTimer = 0;
  #calmTimer = 0;
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
    this.#tooltip = new Tooltip(the("#map", HTMLElement));
    this.puck = new Puck(app);
    new Gestures(this.#overlay, this);
    new ResizeObserver(() => {
      this.view.resize(this.#overlay.clientWidth, this.#overlay.clientHeight);
      this.redraw();
    }).observe(this.#overlay);
    app.session.addEventListener("map", () => this.#onMap());
    app.session.addEventListener("styles", () => this.redraw());
    for (const event of ["change", "current"]) app.history.addEventListener(event, () => this.#onMade());
    for (const event of ["start", "swap", "stop"]) app.player.addEventListener(event, () => this.refresh());
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
    this.#near = new Near(points);
    this.view.fit(map.bounds);
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
          .slice(0, MADE)
          .map(({ take, window }) => ({ take, window, place: placeOf(inverse, window.z) }));
    this.refresh();
  }

  /** Draws all anew. */
  redraw() {
    this.#needsPoints = true;
    this.refresh();
  }

  /** Draws what lies over the points anew. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** The map was moved by hand: while that goes on, pictures may leave points out. */
  movedBy() {
    this.#isMoving = true;
    clearTimeout(this.#calmTimer);
    this.#calmTimer = Number(setTimeout(() => {
      this.#isMoving = false;
      if (this.#points.isPartial) this.redraw();
    }, CALM));
    this.redraw();
  }

  #draw() {
    this.#frame = 0;
    const began = performance.now();
    const { session, history, player } = this.#app;
    if (this.#needsPoints) {
      this.#needsPoints = false;
      this.#points.draw(session.points, this.view, this.#look(), this.#isMoving);
    }
    const drawn = canvasOf(this.#overlay);
    const heard = player.heard;
    const plays = heard !== null && history.current !== null;
    if (drawn) {
      const { current } = history;
      drawScene(drawn.context, {
        view: this.view,
        ellipses: session.map?.ellipses ?? [],
        styles: session.styles,
        marked: this.#marked,
        made: this.#made.map(({ place }) => place),
        chosen: this.#made.filter(({ take }) => take === current).map(({ place }) => place),
        progress: plays ? heard.step / heard.score.n_steps : null,
        path: this.path,
        hovered: this.hovered?.place ?? null,
        puck: this.puck.place,
        puckPlays: plays && this.puck.window === history.current?.windows[0],
      });
    }
    this.frames.push(performance.now() - began);
    if (this.frames.length > TIMED) this.frames.shift();
    // With little motion the playhead of the roll is enough.
    if (plays && !isStill()) this.refresh();
  }

  #look() {
    const faint = isDark() ? "#3a3d44" : "#cfcabf";
    const { styles } = this.#app.session;
    const colors = styles.map(({ name, color, hidden }) => (hidden ? 0 : pixelOf(this.#marked && this.#marked !== name ? faint : color)));
    return { colors: Int32Array.from(colors), background: pixelOf(color("--map")), none: pixelOf(faint) };
  }

  /**
   * What lies under a pixel: what was made before the windows of the training music.
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
    return found ?? this.hitWindow(x, y, reach);
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
    const index = this.#near.find(at.x, at.y, reach / this.view.scale, (style) => !styles[style]?.hidden);
    return index < 0 ? null : { kind: "window", index, place: { x: points.xs[index], y: points.ys[index] } };
  }

  /**
   * Whether the puck lies under a pixel.
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
   * The pointer is over a pixel: what is there is shown beside it.
   * @param {number} x
   * @param {number} y
   */
  hover(x, y) {
    const hit = this.hit(x, y);
    const same = hit && this.hovered && hit.kind === this.hovered.kind && hit.place.x === this.hovered.place.x && hit.place.y === this.hovered.place.y;
    if (same || (!hit && !this.hovered)) return;
    this.hovered = hit;
    this.#tooltip.hide();
    this.refresh();
    clearTimeout(this.#hoverTimer);
    if (hit) this.#hoverTimer = Number(setTimeout(() => this.#show(hit, { x, y }), hit.kind === "take" ? 0 : REST));
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
      const text = `${hit.take.how} · ${app.belongsText([hit.window])}`;
      this.#tooltip.show(at, { title: hit.take.title, text, notes: hit.window.notes, nSteps });
      return;
    }
    const found = await app.attempt(() => app.session.window(hit.index));
    if (!found || this.hovered !== hit) return;
    const { source, window } = found;
    this.#tooltip.show(at, { title: `${source.file}, bar ${source.bar}`, text: app.belongsText([window]), notes: window.notes, nSteps });
  }

  /**
   * Plays what was hit; the puck takes its place, to be dragged on from there.
   * @param {Hit} hit
   */
  async playHit(hit) {
    const app = this.#app;
    if (hit.kind === "take") {
      this.puck.adopt(hit.window.z, hit.take.title);
      await app.play(hit.take);
      return;
    }
    const found = await app.attempt(() => app.session.window(hit.index));
    if (!found) return;
    const { source, window } = found;
    const name = `${source.file}, bar ${source.bar}`;
    this.puck.adopt(window.z, name);
    await app.swap(app.takeOfWindows([window], "Training music", name));
    app.say(`${name}: ${app.belongsText([window])}`);
  }

  /** @param {Point[]} path */
  setPath(path) {
    this.path = path;
    this.dispatchEvent(new Event("path"));
    this.refresh();
  }
}
