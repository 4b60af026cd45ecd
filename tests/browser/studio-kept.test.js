// @ts-check
// Storage of the studio: pieces of several pages, the state after a reload, pieces that can't be
// stored, files and folders.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { readMidi } from "./midi.js";
import { SIZES, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

const studio = withStudio();

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page */
function ids(page) {
  return page.evaluate(() => document.studio.app.history.takes.map(({ id }) => id));
}

/** @param {Page} page */
async function generate(page) {
  const n = (await ids(page)).length;
  await page.locator("#generate").click();
  await page.waitForFunction((n) => document.studio.app.history.takes.length === n + 4, n);
}

/**
 * Waits until the server stores a number of pieces.
 * @param {Page} page
 * @param {number} n
 */
async function untilOnServer(page, n) {
  while ((await onServer(page)).length !== n) await page.waitForTimeout(50);
}

/**
 * The titles of the pieces on the server, newest first.
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
function onServer(page) {
  return page.evaluate(async () => {
    const { pieces } = await document.studio.app.api.get("/pieces");
    return pieces.map((/** @type {{ piece: { title: string } }} */ { piece }) => piece.title);
  });
}

test("two pages keep each other's pieces", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const other = await context.newPage();
  await other.goto(studio.url);
  await other.waitForSelector("body.ready");
  await generate(page);
  await other.waitForFunction(() => document.studio.app.history.takes.length === 4);
  await generate(other);
  await page.waitForFunction(() => document.studio.app.history.takes.length === 8);
  assert.deepEqual(await ids(page), await ids(other), "in the same order");
  // A piece that is removed or marked on one page is removed or marked on the other.
  const [first, second] = await ids(page);
  await page.evaluate(() => {
    const { history } = document.studio.app;
    history.edit(history.takes[1], { favourite: true }, "favorite");
    history.remove(history.takes[0]);
  });
  await other.waitForFunction((second) => {
    const [take] = document.studio.app.history.takes;
    return take.id === second && take.favourite;
  }, second);
  await page.evaluate(() => document.studio.app.history.undo());
  await other.waitForFunction((first) => document.studio.app.history.takes.some(({ id }) => id === first), first);
  await other.close();
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.deepEqual((await ids(page)).length, 8);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("no number of pieces drops the oldest, and what can't be kept is told", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page);
  const [oldest] = (await ids(page)).slice(-1);
  await page.evaluate(() => {
    const { history } = document.studio.app;
    const copies = Array.from({ length: 400 }, (_, i) => ({ ...history.takes[0], id: `copy-${i}`, made: Date.now() }));
    history.add(copies, { choose: false });
  });
  await untilOnServer(page, 404);
  await page.reload();
  await page.waitForSelector("body.ready");
  const kept = await ids(page);
  assert.equal(kept.length, 404);
  assert.equal(kept[403], oldest);
  // Neither the server nor the browser can store the piece.
  const message = "the studio can't keep pieces: no space";
  await page.route("**/pieces", (route) => route.fulfill({ status: 507, json: { error: { code: "not_kept", message } } }));
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    const { history } = document.studio.app;
    history.add([{ ...history.takes[0], id: "too much" }]);
  });
  await page.locator(".toast", { hasText: "storage is full" }).waitFor();
  assert.match((await page.locator(".toast").first().textContent()) ?? "", /no space.*the last piece is lost when this page is closed.*project/);
  assert.ok(complaints.every((text) => /status of 507/.test(text)), complaints.join("\n"));
  await context.close();
});

test("another browser has the pieces, too, and what a browser alone can keep is sent later", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const n = (await ids(page)).length;
  await generate(page);
  await untilOnServer(page, n + 4);
  // A browser with separate storage.
  const other = await openStudio(studio.browser, studio.url, { ...SIZES.desktop, keepsPieces: true });
  assert.deepEqual(await ids(other.page), await ids(page));
  const [first] = await ids(page);
  await other.page.evaluate(() => document.studio.app.history.edit(document.studio.app.history.takes[0], { title: "Renamed" }, "renaming"));
  while ((await onServer(page))[0] !== "Renamed") await page.waitForTimeout(50);
  // The first browser shows the change when the user returns to it.
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await page.waitForFunction((first) => document.studio.app.history.takes.find(({ id }) => id === first)?.title === "Renamed", first);
  // While the server can't store anything, the browser does, and delivers it later.
  await page.route("**/pieces", (route) => route.fulfill({ status: 507, json: { error: { code: "not_kept", message: "no space" } } }));
  await generate(page);
  await page.waitForTimeout(500);
  assert.equal(await page.locator(".toast").count(), 0);
  await page.unroute("**/pieces");
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.equal((await ids(page)).length, n + 8);
  await untilOnServer(page, n + 8);
  assert.ok(complaints.every((text) => /status of 507/.test(text)), complaints.join("\n"));
  assert.deepEqual(other.complaints, []);
  await other.context.close();
  await context.close();
});

test("a reload keeps the selection, the tab, the dials and the choices", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.locator("#panel-make .chip").nth(3).click();
  await page.locator("#n-pieces").fill("4");
  await page.locator("#n-bars").selectOption("8");
  await page.getByRole("slider", { name: "Variety" }).fill("0.7");
  await page.locator("#attributes input").first().fill("1.2");
  await generate(page);
  await page.evaluate(() => {
    const { history } = document.studio.app;
    history.choose(history.takes[2]);
  });
  await page.locator("#projection label", { hasText: "Differences" }).click();
  await page.waitForFunction(() => document.studio.app.session.projection === "pca");
  await openTab(page, "history");
  const state = () => page.evaluate(() => {
    const { app, tabs } = document.studio;
    return {
      current: app.history.current?.id, tab: tabs.open, dials: app.session.dials, projection: app.session.projection,
      bars: /** @type {HTMLSelectElement} */ (document.querySelector("#n-bars")).value,
      chosen: document.querySelector("#panel-make .chip[aria-pressed=true]")?.textContent,
      dial: /** @type {HTMLInputElement} */ (document.querySelector("#attributes input")).value,
    };
  });
  const before = await state();
  assert.deepEqual([before.tab, before.dial, before.dials.spread], ["history", "1.2", 0.7]);
  await page.waitForTimeout(400);
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.deepEqual(await state(), before);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("what is dragged out has the tempo of the moment", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.locator("#generate").click();
  await untilHeard(page);
  const tempo = async () => {
    await page.dispatchEvent(".handle", "pointerenter");
    const url = await page.waitForFunction(() => {
      const data = new DataTransfer();
      const event = new DragEvent("dragstart", { dataTransfer: data, cancelable: true });
      document.querySelector(".handle")?.dispatchEvent(event);
      return event.defaultPrevented ? "" : data.getData("DownloadURL");
    });
    const [, base64] = String(await url.jsonValue()).split("base64,");
    return readMidi(Buffer.from(base64, "base64")).qpm;
  };
  assert.ok(Math.abs((await tempo()) - 120) < 0.1);
  await page.locator("#tempo").fill("90");
  await page.locator("#tempo").blur();
  assert.ok(Math.abs((await tempo()) - 90) < 0.1);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a piece is saved into a folder that was chosen once, next to others of its name", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.addInitScript(() => {
      Object.assign(window, { asked: 0 });
      // A folder inside the browser, because nobody can choose one here.
      Object.assign(window, {
        showDirectoryPicker: async () => {
          /** @type {any} */ (window).asked++;
          const root = await navigator.storage.getDirectory();
          return root.getDirectoryHandle("music", { create: true });
        },
      });
    });
  });
  await page.locator("#generate").click();
  await untilHeard(page);
  const save = async () => {
    await page.locator("#save").click();
    await page.locator("[data-save=folder]").click();
    await page.waitForFunction(() => /^Saved as music/.test(document.querySelector("#said")?.textContent ?? ""));
    return page.locator("#said").textContent();
  };
  const first = await save();
  await page.evaluate(() => Object.assign(document.querySelector("#said") ?? {}, { textContent: "" }));
  const second = await save();
  assert.match(first ?? "", /^Saved as music\/.*-1\.mid$/);
  assert.match(second ?? "", /^Saved as music\/.*-1-2\.mid$/);
  const files = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = /** @type {any} */ (await root.getDirectoryHandle("music"));
    /** @type {number[]} */
    const sizes = [];
    for await (const handle of folder.values()) sizes.push((await handle.getFile()).size);
    return { sizes, asked: /** @type {any} */ (window).asked };
  });
  assert.equal(files.asked, 1);
  assert.ok(files.sizes.length === 2 && files.sizes.every((size) => size > 50), JSON.stringify(files));
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the server saves into the folder that it was started with, for browsers that can't", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.addInitScript(() => {
      // As in browsers that can't write to folders.
      delete (/** @type {any} */ (window).showDirectoryPicker);
    });
  });
  await page.locator("#generate").click();
  await untilHeard(page);
  await page.locator("#save").click();
  assert.equal(await page.locator("[data-save=folder]").count(), 0);
  await page.locator("[data-save=server]").click();
  await page.waitForFunction(() => /^Saved as /.test(document.querySelector("#said")?.textContent ?? ""));
  const path = ((await page.locator("#said").textContent()) ?? "").replace("Saved as ", "");
  const notes = await page.evaluate(() => document.studio.app.history.current?.notes.length);
  assert.equal(readMidi(readFileSync(path)).notes.length, notes);
  assert.deepEqual(complaints, []);
  await context.close();
});
