// @ts-check
// Words for the person: what went wrong, what was done, and whether the server is there.

import { el, iconButton, the } from "../dom.js";

/** @typedef {import("../app.js").App} App */

/** Milliseconds that a message stands. */
const STANDS = 9000;
/** Messages at once. */
const MOST = 3;

/** @param {App} app */
export function startToasts(app) {
  const toasts = the("#toasts", HTMLElement);
  const said = the("#said", HTMLElement);
  const hint = the("#map-hint", HTMLElement);
  let timer = 0;
  app.addEventListener("error", (event) => {
    const text = /** @type {CustomEvent<string>} */ (event).detail;
    const same = [...toasts.children].find((toast) => toast.textContent === text);
    same?.remove();
    const toast = el("div", { class: "toast", role: "alert" }, el("span", {}, text), iconButton("close", "Close", () => toast.remove()));
    toasts.append(toast);
    while (toasts.children.length > MOST) toasts.firstElementChild?.remove();
    setTimeout(() => toast.remove(), STANDS);
  });
  app.addEventListener("say", (event) => {
    said.textContent = /** @type {CustomEvent<string>} */ (event).detail;
    hint.textContent = said.textContent;
    clearTimeout(timer);
    timer = Number(setTimeout(() => (hint.textContent = ""), STANDS));
  });
  const gone = the("#gone", HTMLElement);
  app.api.addEventListener("gone", () => {
    gone.textContent = "The studio's server does not answer. Is “controlgen studio” still running? What you made is still here; trying again…";
    gone.hidden = false;
  });
  app.api.addEventListener("back", () => {
    gone.hidden = true;
    app.say("The server is back");
    app.session.reload().catch((error) => app.fail(error));
  });
}
