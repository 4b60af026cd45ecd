// @ts-check
// Translates pointer, wheel and key events on the map into actions: pan, drag the puck, draw,
// hover, play.

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./map.js").MapView} MapView */

/** Pixels that the pointer may move during a click. */
const CLICK_TOLERANCE = 5;
/** Pixels between two points of a drawn path. */
const PATH_SPACING = 4;
/** Pixels by which a key moves the map or the puck. */
const KEY_STEP = 14;

/** Handles the events of the map's canvas. */
export class Gestures {
  #canvas;
  #map;
  /** @type {Map<number, Point>} */
  #pointers = new Map();
  /** @type {"pan" | "puck" | "draw" | "pinch" | null} */
  #gesture = null;
  /** @type {Point} */
  #from = { x: 0, y: 0 };
  #isClick = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {MapView} map
   */
  constructor(canvas, map) {
    this.#canvas = canvas;
    this.#map = map;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event, true));
    canvas.addEventListener("pointercancel", (event) => this.#up(event, false));
    canvas.addEventListener("pointerleave", () => map.unhover());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("dblclick", (event) => event.preventDefault());
  }

  /**
   * @param {MouseEvent} event
   * @returns {Point}
   */
  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 && event.button !== 1) return;
    const at = this.#at(event);
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    this.#pointers.set(event.pointerId, at);
    this.#map.unhover();
    if (this.#pointers.size === 2) {
      if (this.#gesture === "draw") this.#map.setPath([]);
      if (this.#gesture === "puck") this.#map.puck.release();
      this.#gesture = "pinch";
      this.#isClick = false;
      return;
    }
    this.#from = at;
    this.#isClick = event.button === 0;
    if (event.button === 1) this.#gesture = "pan";
    else if (this.#map.tool === "draw") {
      this.#gesture = "draw";
      this.#map.setPath([this.#map.view.toMap(at.x, at.y)]);
    } else if (this.#map.hitsPuck(at.x, at.y, event.pointerType === "touch")) {
      this.#gesture = "puck";
      this.#map.puck.grab();
      this.#canvas.classList.add("drags");
    } else this.#gesture = "pan";
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#at(event);
    const last = this.#pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType !== "touch") this.#point(at);
      return;
    }
    if (this.#isClick && Math.hypot(at.x - this.#from.x, at.y - this.#from.y) > CLICK_TOLERANCE) {
      this.#isClick = false;
    }
    const { view, puck } = this.#map;
    const [dx, dy] = [at.x - last.x, at.y - last.y];
    if (this.#gesture === "pinch") {
      const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
      const [other] = others.map(([, place]) => place);
      const before = Math.hypot(last.x - other.x, last.y - other.y);
      const now = Math.hypot(at.x - other.x, at.y - other.y);
      view.pan(dx / 2, dy / 2);
      if (before > 1) view.zoom(now / before, (at.x + other.x) / 2, (at.y + other.y) / 2);
      this.#map.movedBy();
    } else if (this.#gesture === "puck") {
      puck.drag(dx / view.scale, -dy / view.scale);
    } else if (this.#gesture === "pan" && !this.#isClick) {
      view.pan(dx, dy);
      this.#map.movedBy();
    } else if (this.#gesture === "draw") {
      const end = this.#map.path[this.#map.path.length - 1];
      const screenEnd = view.toScreen(end.x, end.y);
      if (Math.hypot(at.x - screenEnd.x, at.y - screenEnd.y) >= PATH_SPACING) {
        this.#map.setPath([...this.#map.path, view.toMap(at.x, at.y)]);
      }
    }
    this.#pointers.set(event.pointerId, at);
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} isCompleted
   */
  #up(event, isCompleted) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    this.#canvas.classList.remove("drags");
    if (gesture === "pinch") {
      if (this.#pointers.size === 0) this.#gesture = null;
      return;
    }
    this.#gesture = null;
    if (gesture === "puck") {
      if (this.#isClick) this.#map.puck.again();
      else this.#map.puck.release();
    } else if (gesture === "draw") {
      if (this.#map.path.length < 3 || !isCompleted) this.#map.setPath([]);
      else this.#map.dispatchEvent(new Event("drawn"));
    } else if (gesture === "pan" && this.#isClick && isCompleted) {
      this.#click(this.#at(event), event.pointerType === "touch");
    }
  }

  /**
   * @param {Point} at
   * @param {boolean} isTouch
   */
  #click(at, isTouch) {
    const hit = this.#map.hit(at.x, at.y, isTouch ? 16 : undefined);
    if (hit) this.#map.playHit(hit);
    else this.#map.puck.put(this.#map.view.toMap(at.x, at.y));
  }

  /** @param {Point} at */
  #point(at) {
    const isOnPuck = this.#map.tool === "move" && this.#map.hitsPuck(at.x, at.y, false);
    this.#canvas.classList.toggle("on-puck", isOnPuck);
    if (isOnPuck || this.#map.tool === "draw") this.#map.unhover();
    else this.#map.hover(at.x, at.y);
    this.#canvas.classList.toggle("on-point", this.#map.hovered !== null);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const at = this.#at(event);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    // A trackpad pinch arrives as a wheel event with Ctrl, in smaller steps.
    this.#map.view.zoom(
      Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)),
      at.x,
      at.y,
    );
    this.#map.unhover();
    this.#map.movedBy();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view, puck } = this.#map;
    const arrows = /** @type {Record<string, [number, number] | undefined>} */ ({
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    });
    const arrow = arrows[event.key];
    if (arrow) {
      const step = KEY_STEP / view.scale;
      if (event.shiftKey || !puck.place) {
        view.pan(-arrow[0] * KEY_STEP * 3, arrow[1] * KEY_STEP * 3);
        this.#map.movedBy();
      } else puck.nudge(arrow[0] * step, arrow[1] * step);
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      view.zoom(event.key === "-" ? 1 / 1.25 : 1.25);
      this.#map.movedBy();
    } else if (event.key === "0") {
      view.fit();
      this.#map.redraw();
    } else if (event.key === "Enter") {
      puck.again();
    } else if (event.key === "n") {
      // The window nearest to the puck, or to the center of the view.
      const place = puck.place
        ? view.toScreen(puck.place.x, puck.place.y)
        : { x: view.width / 2, y: view.height / 2 };
      const hit = this.#map.hitWindow(place.x, place.y, Math.max(view.width, view.height));
      if (hit) this.#map.playHit(hit);
    } else if (event.key === "p") {
      if (puck.place) this.#map.setPath([...this.#map.path, puck.place]);
    } else if (event.key === "Escape" && this.#map.path.length) {
      this.#map.setPath([]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
