// @ts-check
// Where the chosen piece belongs: a band of the styles' colours, as wide as each has a share.

import { el, fill, the } from "../dom.js";

/** @typedef {import("../app.js").App} App */

/** @param {App} app */
export function startRibbon(app) {
  const ribbon = the("#ribbon", HTMLElement);
  const draw = () => {
    const take = app.history.current;
    const shares = take ? app.belongs(take.windows) : [];
    const parts = shares.map(({ style, share }) => {
      const part = el("span", { title: `${style.name}: ${Math.round(100 * share)} %` });
      part.style.background = style.color;
      part.style.flexGrow = String(share);
      return part;
    });
    fill(ribbon, ...parts);
    ribbon.setAttribute("aria-label", shares.length && take ? `Belongs: ${app.belongsText(take.windows, 5)}` : "No style is known for this piece");
  };
  for (const event of ["change", "current"]) app.history.addEventListener(event, draw);
  app.session.addEventListener("styles", draw);
  draw();
}
