// @ts-check
// The studio's page as a whole: controlled by keys alone, light and dark, for screen readers,
// without its server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import { SIZES, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;
/** Maximum size of the page in bytes. */
const HEAVIEST = 1_000_000;

const studio = withStudio();

test("by keys alone: listen, move, draw a path, generate, choose, edit, undo, help", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.keyboard.press("m");
  await page.keyboard.press("n");
  await untilHeard(page);
  const training = await page.evaluate(() => document.studio.app.history.current?.how);
  assert.equal(training, "Training music");
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => document.studio.app.history.takes[0]?.how.startsWith("Puck"));
  await page.keyboard.press("p");
  for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("p");
  // The music of the puck is added to the history some time after the last key: wait for it before
  // counting other pieces.
  await page.waitForFunction(() => document.studio.app.history.takes.filter(({ how }) => how.startsWith("Puck")).length === 2);
  await page.locator("#play-path").focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.studio.app.player.isPlaying && document.studio.app.history.current?.how.startsWith("Path"));
  await page.keyboard.press("m");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Space");
  await page.waitForFunction(() => !document.studio.app.player.isPlaying);
  await page.keyboard.press("g");
  await untilHeard(page);
  const made = await page.evaluate(() => document.studio.app.history.takes.length);
  await page.keyboard.press("]");
  await page.keyboard.press("f");
  assert.ok(await page.evaluate(() => document.studio.app.history.takes[1].favourite));
  await page.keyboard.press("r");
  await page.keyboard.press(".");
  await page.keyboard.press("ArrowUp");
  assert.ok(await page.evaluate(() => document.studio.app.history.current?.edited));
  await page.keyboard.press("Control+z");
  assert.equal(await page.evaluate(() => document.studio.app.history.current?.edited), false);
  assert.equal(await page.evaluate(() => document.studio.app.history.takes.length), made);
  await page.keyboard.press("l");
  assert.equal(await page.locator("#loop").getAttribute("aria-pressed"), "false");
  await page.keyboard.press("4");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "tab-styles");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "tab-history");
  await page.keyboard.press("?");
  await page.locator("#help").waitFor();
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-help.png") });
  await page.keyboard.press("Escape");
  await page.locator("#help").waitFor({ state: "hidden" });
  // Tab reaches every visible control, and nothing traps the focus.
  const reached = new Set();
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement?.id ?? ""));
  }
  for (const id of ["map-overlay", "undo", "help-button", "tab-history", "panel-history", "play", "save", "roll"]) {
    assert.ok(reached.has(id), `${id} is not reached: ${[...reached].join(" ")}`);
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    test(`accessible in every tool, ${size}, ${colorScheme}`, async () => {
      const { context, page, complaints } = await openStudio(studio.browser, studio.url, { ...options, colorScheme });
      await page.locator("#generate").click();
      await page.waitForFunction(() => document.studio.app.history.takes.length > 0);
      // The script of Axe is not subject to the page's content security policy.
      await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
      const check = async (/** @type {string} */ where) => {
        const found = await page.evaluate(async () => {
          const { axe } = /** @type {{ axe: { run(): Promise<import("axe-core").AxeResults> } }} */ (/** @type {unknown} */ (globalThis));
          return (await axe.run()).violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map(({ html }) => html).join(" ")}`);
        });
        assert.deepEqual(found, [], where);
      };
      for (const tool of /** @type {const} */ (["make", "corners", "mix", "styles", "history"])) {
        await openTab(page, tool);
        if (tool === "corners") {
          await page.locator("#fill-grid").click();
          await page.locator(".cell").first().waitFor();
        }
        if (tool === "mix") {
          await page.locator("#mix-current").click();
          await page.waitForFunction(() => /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-part=mixed]"))?.disabled === false);
        }
        if (tool === "styles") {
          await page.locator(".styles .head").nth(1).click();
          await page.locator(".card dl").waitFor();
        }
        await check(tool);
        if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-${tool}-${size}-${colorScheme}.png`) });
        const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: window.innerWidth }));
        assert.ok(scroll <= inner, `${tool}: ${scroll} pixels in a window of ${inner}`);
      }
      await page.locator("#save").click();
      await check("save menu");
      await page.keyboard.press("Escape");
      await page.locator("#help-button").click();
      await check("help");
      assert.deepEqual(complaints, []);
      await context.close();
    });
  }
}

test("what was made outlives a reload", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.locator("#generate").click();
  await untilHeard(page);
  const made = await page.evaluate(() => document.studio.app.history.takes);
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.deepEqual(await page.evaluate(() => document.studio.app.history.takes), made);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("light and dark by the switch, which is remembered", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, { ...SIZES.desktop, colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator("#theme").click();
  assert.notEqual(await ground(), light);
  // The background of the map, which is drawn, becomes dark together with the page.
  await page.waitForFunction(() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context?.drawImage(/** @type {HTMLCanvasElement} */ (document.querySelector("#map-points")), 0, 0);
    return (context?.getImageData(0, 0, 1, 1).data[0] ?? 255) < 60;
  });
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.notEqual(await ground(), light);
  assert.equal(await page.locator("#theme").getAttribute("aria-pressed"), "true");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("with little motion nothing moves but the playhead", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, { ...SIZES.desktop, reducedMotion: "reduce" });
  await page.keyboard.press("g");
  await untilHeard(page);
  const frames = await page.evaluate(async () => {
    const { map } = document.studio;
    await new Promise((resolve) => setTimeout(resolve, 300));
    map.frames = [];
    await new Promise((resolve) => setTimeout(resolve, 500));
    return map.frames.length;
  });
  assert.ok(frames <= 2, `${frames} frames of the map`);
  await context.close();
});

test("a server that is gone, and comes back, is told", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.route("**/api/**", (route) => route.abort("connectionrefused"));
  await page.locator("#generate").click();
  await page.locator("#gone").waitFor();
  assert.match((await page.locator("#gone").textContent()) ?? "", /does not answer/);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-gone.png") });
  await page.unroute("**/api/**");
  await page.locator("#gone").waitFor({ state: "hidden" });
  await page.locator("#generate").click();
  await untilHeard(page);
  await context.close();
});

test("a busy server is asked again", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  let refusals = 0;
  await page.route("**/generate", async (route) => {
    if (refusals++ < 2) await route.fulfill({ status: 503, headers: { "retry-after": "0" }, json: { error: { code: "busy", message: "busy" } } });
    else await route.continue();
  });
  await page.locator("#generate").click();
  await untilHeard(page);
  assert.equal(refusals, 3);
  assert.equal(await page.locator(".toast").count(), 0);
  await context.close();
});

test("what the page weighs", async () => {
  /** @type {Promise<Buffer>[]} */
  const bodies = [];
  const { context } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    page.on("response", (response) => {
      if (!response.url().includes("/api/")) bodies.push(response.body());
    });
  });
  const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + body.length, 0);
  console.log(`the page weighs ${bytes} bytes`);
  assert.ok(bytes > 10_000 && bytes < HEAVIEST, `${bytes} bytes`);
  await context.close();
});
