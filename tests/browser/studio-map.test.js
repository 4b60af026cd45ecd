// @ts-check
// The studio's map: display, pointing, playing, dragging, drawing.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { readMidi } from "./midi.js";
import { SIZES, drag, grabPuck, openStudio, puckPlace, somePoint, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;
/** Maximum number of points for which the map is promised to be fast. */
const MANY = 100_000;

const studio = withStudio();

for (const [size, options] of Object.entries(SIZES)) {
  test(`the map is seen, pointed at and heard, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    const colors = await page.evaluate(() => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("#map-points"));
      const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const found = new Set();
      for (let i = 0; i < data.length; i += 4) found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      return found.size;
    });
    assert.ok(colors > 20, `${colors} colours on the map`);
    const { scroll, inner } = await page.evaluate(() => ({
      scroll: document.documentElement.scrollWidth,
      inner: window.innerWidth,
    }));
    assert.ok(scroll <= inner, `${scroll} pixels in a window of ${inner}`);
    const point = await somePoint(page);
    if (size === "desktop") {
      await page.mouse.move(point.x, point.y, { steps: 3 });
      await page.locator(".tooltip").waitFor();
      assert.match((await page.locator(".tooltip").textContent()) ?? "", /, bar \d+/);
      if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-hover.png") });
      await page.mouse.click(point.x, point.y);
    } else await page.touchscreen.tap(point.x, point.y);
    await untilHeard(page);
    assert.match((await page.locator("#now").textContent()) ?? "", /, bar \d+/);
    assert.equal(await page.locator("#play").getAttribute("aria-label"), "Stop");
    await page.locator("#play").click();
    await page.waitForFunction(() => !document.studio.app.player.isPlaying);
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test(`the puck is dragged, and the loop goes on, ${size}`, async () => {
    const { context, page, complaints, requests } = await openStudio(studio.browser, studio.url, options);
    const point = await somePoint(page);
    await page.mouse.click(point.x, point.y);
    await untilHeard(page);
    await page.evaluate(() => {
      const { player } = document.studio.app;
      Object.assign(window, { stops: 0, swaps: 0 });
      player.addEventListener("stop", () => (/** @type {any} */ (window).stops++));
      player.addEventListener("swap", () => (/** @type {any} */ (window).swaps++));
    });
    const from = await grabPuck(page);
    const before = await page.evaluate(() => document.studio.map.puck.nDecoded);
    for (let i = 1; i <= 5; i++) {
      await page.mouse.move(from.x + 8 * i, from.y - 5 * i, { steps: 2 });
      await page.waitForFunction((n) => document.studio.map.puck.nDecoded >= n, before + i);
    }
    await page.mouse.up();
    await page.waitForFunction(() => document.studio.app.history.takes[0]?.how.startsWith("Puck"));
    const decoded = requests.filter(({ path }) => path.endsWith("/place")).length;
    assert.ok(decoded >= 5, `${decoded} requests`);
    const { stops, swaps } = await page.evaluate(() => {
      const { stops, swaps } = /** @type {any} */ (window);
      return { stops, swaps };
    });
    assert.equal(stops, 0, "nothing may stop while the puck is dragged");
    assert.ok(swaps >= 5, `${swaps} pieces took over`);
    await untilHeard(page);
    const to = await puckPlace(page);
    assert.ok(Math.hypot(to.x - from.x - 40, to.y - from.y + 25) < 3, "the puck lies where it was dragged to");
    // The new music continues in time, at the same position in the loop.
    const steps = await page.evaluate(async () => {
      const { player } = document.studio.app;
      const passes = new Promise((resolve) => player.addEventListener("pass", resolve, { once: true }));
      await passes;
      return player.heard?.score.n_steps;
    });
    assert.equal(steps, await page.evaluate(() => document.studio.app.model.window_steps));
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test(`a drawn path is a piece and a MIDI file, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await page.locator("#tool-draw").click();
    const box = await page.locator("#map-overlay").boundingBox();
    assert.ok(box);
    const at = (/** @type {number} */ x, /** @type {number} */ y) => ({ x: box.x + x * box.width, y: box.y + y * box.height });
    await drag(page, [at(0.25, 0.6), at(0.4, 0.4), at(0.55, 0.6), at(0.7, 0.45)]);
    await untilHeard(page);
    await page.locator("#save-path").waitFor();
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-path-${size}.png`) });
    const download = page.waitForEvent("download");
    await page.locator("#save-path").click();
    const file = await download;
    assert.match(file.suggestedFilename(), /\.mid$/);
    const { notes, qpm } = readMidi(readFileSync(await file.path()));
    const take = await page.evaluate(() => {
      const { app } = document.studio;
      return { ...app.history.current, quarter: app.model.steps_per_quarter, windows: app.history.current?.windows.length };
    });
    assert.equal(take.windows, 8);
    assert.ok(Math.abs(qpm - (take.qpm ?? 0)) < 0.1);
    assert.deepEqual(
      notes.map(({ pitch, start }) => [pitch, Math.round(start * take.quarter)]),
      take.notes?.map(({ pitch, start }) => [pitch, start]),
    );
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("two fingers make the map larger, about the place between them", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.phone);
  const fingers = await context.newCDPSession(page);
  const box = await page.locator("#map-overlay").boundingBox();
  assert.ok(box);
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number} */ apart) =>
    fingers.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [-apart / 2, apart / 2].map((dx, id) => ({ x: middle.x + dx, y: middle.y, id })),
    });
  const seen = () =>
    page.evaluate(({ x, y }) => {
      const { view } = document.studio.map;
      return { scale: view.scale, middle: view.toMap(x, y) };
    }, { x: box.width / 2, y: box.height / 2 });
  const before = await seen();
  await touch("touchStart", 60);
  for (const apart of [75, 90, 105, 120]) await touch("touchMove", apart);
  await touch("touchEnd", 120);
  await page.waitForFunction((scale) => document.studio.map.view.scale > 1.5 * scale, before.scale);
  const after = await seen();
  // Browsers do not report finger movements below a threshold.
  assert.ok(Math.abs(after.scale / before.scale - 2) < 0.1, `${after.scale / before.scale} times as large`);
  const moved = Math.hypot(after.middle.x - before.middle.x, after.middle.y - before.middle.y) * after.scale;
  assert.ok(moved < 8, `what lay between the fingers has moved by ${moved} pixels`);
  assert.ok(await page.evaluate(() => !document.studio.app.player.isPlaying), "two fingers are no tap");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the other projections: styles told apart, and neighbours", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  for (const [name, id] of [["Differences", "pca"], ["Styles", "lda"]]) {
    await page.locator("#projection label", { hasText: name }).click();
    await page.waitForFunction((id) => document.studio.app.session.map?.projection === id, id);
  }
  assert.ok(await page.evaluate(() => document.studio.map.puck.place !== null));
  await page.locator("#between-button").click();
  // With many styles, the list is higher than the window, but all of it can be reached.
  const boxes = page.locator("#between input");
  const all = await boxes.count();
  await boxes.last().click();
  await page.waitForFunction((wanted) => document.studio.app.session.between.length === wanted, all - 1);
  await page.locator("#between button", { hasText: "None" }).click();
  await boxes.first().click();
  assert.match(await page.locator("#between .note").innerText(), /two styles/);
  const asked = page.waitForResponse((response) => {
    const { pathname, searchParams } = new URL(response.url());
    return pathname.endsWith("/map/points") && searchParams.get("styles")?.split(",").length === 2;
  });
  await boxes.last().click();
  await asked;
  await page.keyboard.press("Escape");
  await page.locator("#projection label", { hasText: "Neighbors" }).click();
  await page.waitForFunction(() => document.studio.app.session.map?.projection === "neighbours", undefined, { timeout: 180_000 });
  assert.ok(await page.evaluate(() => document.studio.map.puck.place === null), "no place for a puck without an inverse");
  const point = await somePoint(page);
  await page.mouse.click(point.x, point.y);
  await untilHeard(page);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-neighbours.png") });
  assert.deepEqual(complaints, []);
  await context.close();
});

test("100,000 points: the script's time of a frame", async () => {
  const rows = Buffer.alloc(MANY * 12);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < MANY; i++) {
    const [angle, radius] = [2 * Math.PI * random(), Math.sqrt(-2 * Math.log(random() + 1e-9))];
    rows.writeFloatLE(radius * Math.cos(angle), i * 12);
    rows.writeFloatLE(radius * Math.sin(angle), i * 12 + 4);
    rows.writeUInt32LE(i % 8, i * 12 + 8);
  }
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.route("**/map/points?*", (route) => route.fulfill({ body: rows, contentType: "application/octet-stream" }));
    await page.route(/\/map\?/, async (route) => {
      const map = await (await route.fetch()).json();
      await route.fulfill({ json: { ...map, n: MANY, bounds: [-4, -4, 4, 4] } });
    });
  });
  const measured = await page.evaluate(async () => {
    const { map } = document.studio;
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const times = async (/** @type {() => void} */ change) => {
      for (let i = 0; i < 10; i++) {
        change();
        await frame();
      }
      map.frames = [];
      const began = performance.now();
      for (let i = 0; i < 60; i++) {
        change();
        await frame();
      }
      const sorted = [...map.frames].sort((a, b) => a - b);
      const of = (/** @type {number} */ share) => Number(sorted[Math.floor(share * (sorted.length - 1))].toFixed(2));
      return { median: of(0.5), p95: of(0.95), rate: Math.round(60_000 / (performance.now() - began)) };
    };
    const still = await times(() => map.refresh());
    const all = await times(() => {
      map.view.pan(1, 0);
      map.redraw();
    });
    const panned = await times(() => {
      map.view.pan(-1, 0);
      map.movedBy();
    });
    return { still, all, panned, n: document.studio.app.session.points.xs.length };
  });
  assert.equal(measured.n, MANY);
  console.log(`script ms a frame with ${MANY} points, and frames a second:`, JSON.stringify(measured));
  // Under load, a machine is several times slower, so only gross deviations fail.
  assert.ok(measured.all.median < 100, JSON.stringify(measured));
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-100000.png") });
  assert.deepEqual(complaints, []);
  await context.close();
});
