// @ts-check
// The tabs of the side panels; keyboard behavior follows the ARIA Authoring Practices.

import { el, fill, requireElement } from "../dom.js";

/** @typedef {{ id: string, name: string, root: HTMLElement }} Panel */

/** Events: `open` (another panel is shown). */
export class Tabs extends EventTarget {
  /** @type {HTMLButtonElement[]} */
  #tabs = [];
  #panels;
  #open = 0;

  /** @param {Panel[]} panels */
  constructor(panels) {
    super();
    this.#panels = panels;
    this.#tabs = panels.map(({ id, name }, i) =>
      el(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${id}`,
          "aria-controls": `panel-${id}`,
          onclick: () => this.#click(i),
          onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
        },
        name,
      ),
    );
    for (const { id, root } of panels) {
      root.id = `panel-${id}`;
      root.classList.add("panel");
      root.setAttribute("role", "tabpanel");
      root.setAttribute("aria-labelledby", `tab-${id}`);
      root.tabIndex = 0;
    }
    fill(requireElement("#tabs", HTMLElement), ...this.#tabs);
    fill(requireElement("#panels", HTMLElement), ...panels.map(({ root }) => root));
    this.show(0);
  }

  /** The id of the visible panel. */
  get open() {
    return this.#panels[this.#open].id;
  }

  /** @param {string} id */
  has(id) {
    return this.#panels.some((panel) => panel.id === id);
  }

  get n() {
    return this.#panels.length;
  }

  /**
   * @param {number | string} which
   * @param {boolean} [focus]
   */
  show(which, focus = false) {
    this.#open = typeof which === "number"
      ? which
      : this.#panels.findIndex(({ id }) => id === which);
    document.body.classList.remove("side-closed");
    this.#tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === this.#open));
      tab.tabIndex = i === this.#open ? 0 : -1;
      this.#panels[i].root.hidden = i !== this.#open;
    });
    if (focus) this.#tabs[this.#open].focus();
    this.dispatchEvent(new Event("open"));
  }

  /**
   * On a small screen, a second tap closes the panel to make room for the map.
   * @param {number} i
   */
  #click(i) {
    const isSmall = matchMedia("(max-width: 760px)").matches;
    if (isSmall && i === this.#open && !document.body.classList.contains("side-closed")) {
      document.body.classList.add("side-closed");
    } else this.show(i);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const n = this.#tabs.length;
    const to = {
      ArrowRight: this.#open + 1, ArrowLeft: this.#open - 1 + n, Home: 0, End: n - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.show(to % n, true);
  }
}
