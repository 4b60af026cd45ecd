// @ts-check
// Starts the studio and opens its page, recording its errors and requests.

import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { join } from "node:path";

import { after, before } from "node:test";

import { PROGRAM, launch, temporary } from "./browser.js";

/** A running studio to use instead of starting one. */
const RUNNING = process.env.STUDIO_URL;
/**
 * The model whose music the tests edit: a single line, so that each note is identified by its
 * start.
 */
const MODEL = "melody";
/** Milliseconds until the program must serve: in debug builds, models load slowly. */
const PATIENCE = 120_000;

/** @typedef {import("playwright-core").Page} Page */

/** Window sizes that the studio is tested at. */
export const SIZES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true },
};

/**
 * Starts the program's studio, with a separate folder of styles.
 * @param {string} [model] a model in the program, or a folder
 * @returns {Promise<{ url: string, stop: () => void }>}
 */
export async function startStudio(model = MODEL) {
  if (RUNNING) return { url: RUNNING, stop: () => {} };
  const folder = temporary("controlgen-studio");
  const [styles, saved] = [join(folder, "styles"), join(folder, "saved")];
  const options = ["--no-open", "--port", "0", "--json", "--styles", styles, "--save-folder", saved, "--model", model];
  const server = spawn(PROGRAM, ["studio", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => server.kill();
  process.on("exit", stop);
  let [said, complained] = ["", ""];
  server.stderr.on("data", (data) => (complained += data));
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the studio doesn't serve: ${complained}`)), PATIENCE);
    server.on("exit", (code) => reject(new Error(`the studio ended with ${code}: ${complained}`)));
    server.stdout.on("data", (data) => {
      said += data;
      try {
        resolve(JSON.parse(said).address);
        clearTimeout(timer);
      } catch {
        // Not complete yet.
      }
    });
  });
  return { url, stop };
}

/**
 * A browser and a studio for the tests of a file, from before the first to after the last.
 * @param {string} [model]
 * @returns {{ browser: import("playwright-core").Browser, url: string }}
 */
export function withStudio(model) {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {{ url: string, stop: () => void }} */
  let studio;
  before(async () => {
    studio = await startStudio(model);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    studio?.stop();
  });
  return {
    get browser() {
      return browser;
    },
    get url() {
      return studio.url;
    },
  };
}

/**
 * Removes the pieces that the server stores, so that no test sees those of another.
 * @param {string} url
 */
async function forgetPieces(url) {
  const { pieces } = await (await fetch(`${url}api/v1/pieces`)).json();
  const removed = pieces.map((/** @type {{ id: string }} */ { id }) => id);
  const body = JSON.stringify({ removed });
  await fetch(`${url}api/v1/pieces`, { method: "POST", body, headers: { "content-type": "application/json" } });
}

/**
 * Opens the page in a browser without any pieces, and waits until the map has loaded.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {import("playwright-core").BrowserContextOptions & { keepsPieces?: boolean }} [options] `keepsPieces`: those
 *   that the server has stay
 * @param {(page: Page) => Promise<void>} [prepare] before the page is asked for
 */
export async function openStudio(browser, url, { keepsPieces, ...options } = {}, prepare = async () => {}) {
  if (!keepsPieces) await forgetPieces(url);
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  // Machines may be slow while they build something else; the test still fails if it never happens.
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  /** @type {{ method: string, path: string }[]} */
  const requests = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  page.on("request", (request) => {
    const asked = request.url();
    if (asked.startsWith(url)) requests.push({ method: request.method(), path: new URL(asked).pathname });
    else if (!asked.startsWith("data:") && !asked.startsWith("blob:")) complaints.push(`asks for ${asked}`);
  });
  await prepare(page);
  await page.goto(url);
  await page.waitForSelector("body.ready");
  await page.waitForFunction(() => document.studio.app.session.map !== null);
  return { context, page, complaints, requests };
}

/**
 * The position in the window of a point of the map: that of a training window, away from elements
 * above the map. Windows can be touched once the map is zoomed in.
 * @param {Page} page
 */
export async function somePoint(page) {
  return page.evaluate(() => {
    const { app, map } = document.studio;
    const box = document.querySelector("#map-overlay")?.getBoundingClientRect() ?? new DOMRect();
    const { xs, ys } = app.session.points;
    if (map.view.isWhole) {
      map.view.zoom(2);
      map.movedBy();
    }
    for (let i = 0; i < xs.length; i++) {
      const { x, y } = map.view.toScreen(xs[i], ys[i]);
      const isClear = x > 20 && x < box.width - 70 && y > 60 && y < box.height - 60 && !map.hitsPuck(x, y, true);
      const isOnTop = isClear && document.elementFromPoint(box.x + x, box.y + y)?.id === "map-overlay";
      if (isOnTop) return { x: box.x + x, y: box.y + y };
    }
    throw new Error("no point is in sight");
  });
}

/**
 * The position of the puck in the window once it rests: for some frames, neither it nor the map
 * moves, as they do while music is loaded or the page is laid out.
 * @param {Page} page
 */
export async function puckPlace(page) {
  return page.evaluate(async () => {
    const { map } = document.studio;
    const at = () => {
      const box = document.querySelector("#map-overlay")?.getBoundingClientRect() ?? new DOMRect();
      const place = map.puck.place;
      if (!place) throw new Error("there is no puck");
      const { x, y } = map.view.toScreen(place.x, place.y);
      return { x: box.x + x, y: box.y + y };
    };
    let last = at();
    for (let nFrames = 0; nFrames < 5; nFrames++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = at();
      if (now.x !== last.x || now.y !== last.y) nFrames = 0;
      last = now;
    }
    return last;
  });
}

/**
 * Moves the map so that the puck is at its center, because on a zoomed map it may be beyond the
 * edge.
 * @param {Page} page
 */
async function showPuck(page) {
  await page.evaluate(() => {
    const { map } = document.studio;
    const box = document.querySelector("#map-overlay")?.getBoundingClientRect() ?? new DOMRect();
    const place = map.puck.place;
    if (!place) throw new Error("there is no puck");
    const { x, y } = map.view.toScreen(place.x, place.y);
    map.view.pan(box.width / 2 - x, box.height / 2 - y);
    map.movedBy();
  });
}

/**
 * Presses the mouse on the puck, once the page shows that the pointer is on it, and returns its
 * position. An element that covers the puck for too long is an error that names the element.
 * @param {Page} page
 */
export async function grabPuck(page) {
  await puckPlace(page);
  await showPuck(page);
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const place = await puckPlace(page);
    await page.mouse.move(place.x, place.y);
    const { isOn, over } = await page.evaluate(({ x, y }) => {
      const top = document.elementFromPoint(x, y);
      const isOn = document.querySelector("#map-overlay")?.classList.contains("on-puck") ?? false;
      return { isOn, over: top?.id || top?.className || "nothing" };
    }, place);
    if (isOn) {
      await page.mouse.down();
      return place;
    }
    if (Date.now() > deadline) throw new Error(`the puck at ${place.x}, ${place.y} can't be grabbed: ${over} is there`);
  }
}

/**
 * Drops a file on an element, as from the desktop.
 * @param {Page} page
 * @param {string} selector
 * @param {{ name: string, buffer: Buffer }} file
 */
export async function drop(page, selector, { name, buffer }) {
  const data = await page.evaluateHandle(
    ({ name, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: "audio/midi" }));
      return data;
    },
    { name, base64: buffer.toString("base64") },
  );
  await page.dispatchEvent(selector, "dragover", { dataTransfer: data });
  await page.dispatchEvent(selector, "drop", { dataTransfer: data });
}

/**
 * Waits until the audio graph runs and produces sound.
 * @param {Page} page
 */
export async function untilHeard(page) {
  await page.waitForFunction(() => {
    const { player } = document.studio.app;
    return player.isPlaying && player.context?.state === "running" && (player.output?.peak() ?? 0) > 0.005;
  });
}

/**
 * Drags through positions in the window.
 * @param {Page} page
 * @param {{ x: number, y: number }[]} places
 */
export async function drag(page, places) {
  await page.mouse.move(places[0].x, places[0].y);
  await page.mouse.down();
  for (const { x, y } of places.slice(1)) await page.mouse.move(x, y, { steps: 6 });
  await page.mouse.up();
}

/**
 * Opens one of the tools at the side.
 * @param {Page} page
 * @param {"make" | "corners" | "mix" | "styles" | "history"} id
 */
export async function openTab(page, id) {
  await page.evaluate((id) => document.studio.tabs.show(id), id);
}
