// @ts-check
// Messages: errors, notifications, and whether the server is reachable.

import { el, iconButton, requireElement } from "../dom.js";

/** @typedef {import("../app.js").App} App */

/** Milliseconds for which a message is shown. */
const DURATION = 9000;
/** Maximum number of messages shown. */
const MAX_TOASTS = 3;

/** @param {App} app */
export function startToasts(app) {
  const toasts = requireElement("#toasts", HTMLElement);
  const status = requireElement("#said", HTMLElement);
  const hint = requireElement("#map-hint", HTMLElement);
  let timer = 0;
  app.addEventListener("error", (event) => {
    const text = /** @type {CustomEvent<string>} */ (event).detail;
    const same = [...toasts.children].find((toast) => toast.textContent === text);
    same?.remove();
    const toast = el(
      "div",
      { class: "toast", role: "alert" },
      el("span", {}, text),
      iconButton("close", "Close", () => toast.remove()),
    );
    toasts.append(toast);
    while (toasts.children.length > MAX_TOASTS) toasts.firstElementChild?.remove();
    setTimeout(() => toast.remove(), DURATION);
  });
  app.addEventListener("announce", (event) => {
    status.textContent = /** @type {CustomEvent<string>} */ (event).detail;
    hint.textContent = status.textContent;
    clearTimeout(timer);
    timer = Number(setTimeout(() => (hint.textContent = ""), DURATION));
  });
  const gone = requireElement("#gone", HTMLElement);
  app.api.addEventListener("gone", () => {
    gone.textContent =
      "The studio's server does not answer. Is “controlgen studio” still running? " +
      "Your music is still here; trying again…";
    gone.hidden = false;
  });
  app.api.addEventListener("back", () => {
    gone.hidden = true;
    app.announce("The server is back.");
    app.session.reload().catch((error) => app.fail(error));
  });
}
