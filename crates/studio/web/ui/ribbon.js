// @ts-check
// The styles of the selected piece, as a band of colors with proportional widths.

import { el, fill, requireElement } from "../dom.js";

/** @typedef {import("../app.js").App} App */

/** @param {App} app */
export function startRibbon(app) {
  const ribbon = requireElement("#ribbon", HTMLElement);
  const draw = () => {
    const take = app.history.current;
    const shares = take ? app.stylesOf(take.windows) : [];
    const parts = shares.map(({ style, share }) => {
      const part = el("span", { title: `${style.name}: ${Math.round(100 * share)} %` });
      part.style.background = style.color;
      part.style.flexGrow = String(share);
      return part;
    });
    fill(ribbon, ...parts);
    ribbon.setAttribute(
      "aria-label",
      shares.length && take
        ? `Styles: ${app.stylesText(take.windows, 5)}`
        : "No style is known for this piece",
    );
  };
  for (const event of ["change", "current"]) app.history.addEventListener(event, draw);
  app.session.addEventListener("styles", draw);
  draw();
}
