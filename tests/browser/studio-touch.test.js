// @ts-check
// Touching the map plays what is shown: regions and names, orientation, dropped files, layouts.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { tune, writeMidi } from "./midi.js";
import { SIZES, drop, openStudio, puckPlace, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;
/**
 * Window sizes in which everything must be reachable: zoomed to 200 % (of 1440 × 900), small,
 * landscape.
 */
const WINDOWS = {
  "200 %": { width: 720, height: 450 },
  "phone on its side": { width: 844, height: 390 },
  phone: { width: 390, height: 844 },
  tablet: { width: 1024, height: 768 },
};

const studio = withStudio();

/** @typedef {import("playwright-core").Page} Page */

/**
 * Touches a place, and waits until its music is heard and measured.
 * @param {Page} page
 * @param {{ x: number, y: number }} place in the window
 */
async function touch(page, { x, y }) {
  await page.evaluate(() => {
    const { puck } = document.studio.map;
    Object.assign(window, { measured: new Promise((resolve) => puck.addEventListener("measured", resolve, { once: true })) });
  });
  await page.mouse.click(x, y);
  await page.evaluate(() => /** @type {any} */ (window).measured);
  return page.evaluate(() => document.studio.app.history.current?.windows[0].memberships ?? {});
}

test("at first sight there are a few regions, which glow, and sound like their names", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.waitForFunction(() => document.studio.map.names.length > 0);
  const names = await page.evaluate(() => {
    const { app, map } = document.studio;
    const box = document.querySelector("#map-overlay")?.getBoundingClientRect() ?? new DOMRect();
    return map.names.map(({ style, x, y }) => ({ id: app.session.styles[style].id, x: box.x + x, y: box.y + y }));
  });
  const nStyles = await page.evaluate(() => document.studio.app.session.visible.length);
  assert.ok(names.length >= 4 && names.length < nStyles, `${names.length} names of ${nStyles} styles`);
  let right = 0;
  for (const { id, x, y } of names) {
    await page.mouse.move(x, y);
    await page.waitForFunction((id) => {
      const { app, map } = document.studio;
      const hit = map.hovered;
      return hit?.kind === "style" && app.session.styles[hit.style].id === id;
    }, id);
    const shares = await touch(page, { x, y });
    const sum = Object.values(shares).reduce((sum, share) => sum + share, 0);
    assert.ok(sum > 0.9 && sum < 1.0001, `memberships sum up to ${sum}`);
    if ((shares[id] ?? 0) > 0.5) right++;
  }
  await untilHeard(page);
  assert.ok(right >= names.length - 1, `${right} of ${names.length} sound like their names`);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-regions.png") });
  // The same place sounds the same again, and a step away it is alike but for its place.
  const puck = await puckPlace(page);
  const notes = () => page.evaluate(() => JSON.stringify(document.studio.app.history.current?.notes));
  const before = await notes();
  await page.evaluate(() => {
    const { puck } = document.studio.map;
    if (puck.place) puck.put({ ...puck.place });
  });
  await page.waitForFunction((n) => document.studio.map.puck.nDecoded > n, names.length);
  assert.equal(await notes(), before);
  assert.deepEqual(await puckPlace(page), puck);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the map keeps its orientation when a style is hidden", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const middles = () => page.evaluate(() => {
    const { styles, map } = document.studio.app.session;
    return Object.fromEntries((map?.ellipses ?? []).map(({ style, x, y }) => [styles[style].id, [x, y]]));
  });
  const before = await middles();
  const styles = await page.evaluate(() => document.studio.app.session.styles.map(({ name }) => name));
  for (const name of styles.slice(0, 8)) {
    const set = (/** @type {boolean} */ hidden) => page.evaluate(async ({ name, hidden }) => {
      const { session } = document.studio.app;
      await session.api.patch(`/styles/${encodeURIComponent(name)}`, { hidden });
      await session.reload();
    }, { name, hidden });
    await set(true);
    const after = await middles();
    for (const axis of [0, 1]) {
      const shared = Object.keys(after).filter((id) => before[id]);
      const mean = (/** @type {Record<string, number[]>} */ of) => shared.reduce((sum, id) => sum + of[id][axis], 0) / shared.length;
      const [a, b] = [mean(before), mean(after)];
      const sums = shared.reduce(([xy, xx, yy], id) => {
        const [x, y] = [before[id][axis] - a, after[id][axis] - b];
        return [xy + x * y, xx + x * x, yy + y * y];
      }, [0, 0, 0]);
      const correlation = sums[0] / Math.sqrt(sums[1] * sums[2]);
      assert.ok(correlation > 0.8, `without ${name}, axis ${axis}: ${correlation}`);
    }
    await set(false);
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a file dropped on the map is asked what it is for", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const file = { name: "my tune.mid", buffer: writeMidi(tune(5)) };
  await drop(page, "#map-overlay", file);
  await page.locator("#drop-dialog").waitFor();
  assert.match((await page.locator("#drop-dialog h2").textContent()) ?? "", /my tune\.mid/);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-drop.png") });
  await page.getByRole("button", { name: "Mix a style into it" }).click();
  await untilHeard(page);
  assert.equal(await page.evaluate(() => document.studio.tabs.open), "mix");
  await drop(page, "#dock", file);
  await page.getByRole("button", { name: "Make a style of it" }).click();
  await page.locator(".files li", { hasText: "my tune.mid" }).waitFor();
  // In a drop zone, the purpose of a file is clear.
  await page.evaluate(() => document.studio.tabs.show("corners"));
  await drop(page, "#panel-corners .drop", file);
  await page.waitForFunction(() => [...document.querySelectorAll("select.corner")].some((select) => /** @type {HTMLSelectElement} */ (select).value.startsWith("take:")));
  assert.ok(await page.locator("#drop-dialog").isHidden());
  await drop(page, "#map-overlay", { ...file, name: "picture.png" });
  await page.locator(".toast", { hasText: "picture.png" }).waitFor();
  assert.deepEqual(complaints, []);
  await context.close();
});

for (const [size, viewport] of Object.entries(WINDOWS)) {
  test(`everything is in reach, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, { viewport, hasTouch: size.startsWith("phone") });
    const boxOf = async (/** @type {string} */ selector) => {
      const box = await page.locator(selector).boundingBox();
      assert.ok(box, `${selector} is not in sight`);
      return box;
    };
    for (const selector of ["#generate", "#play", "#loop", "#save", "#tall", "#undo", "#help-button", "#zoom-fit", "#tab-history"]) {
      const { x, y, width, height } = await boxOf(selector);
      const isInside = x >= 0 && y >= 0 && x + width <= viewport.width + 0.5 && y + height <= viewport.height + 0.5;
      const isOnTop = await page.evaluate(({ selector, x, y }) => {
        const top = document.elementFromPoint(x, y);
        return top?.closest(selector) !== null && top !== null;
      }, { selector, x: x + width / 2, y: y + height / 2 });
      assert.ok(isInside && isOnTop, `${selector} at ${[x, y, width, height]}`);
    }
    const map = await boxOf("#map");
    assert.ok(map.height >= 220 && map.width >= 280, `the map has ${map.width} by ${map.height}`);
    // The roll may be closed if there is little space; then it is opened.
    if (!(await page.locator("#roll").isVisible())) await page.locator("#tall").click();
    const roll = await boxOf("#roll");
    assert.ok(roll.height >= 100 && roll.y + roll.height <= viewport.height, JSON.stringify(roll));
    const scroll = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(scroll <= viewport.width);
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-reach-${viewport.width}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

for (const [size, viewport] of Object.entries(WINDOWS)) {
  test(`sections and menus of a longer piece are in sight, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, { viewport, hasTouch: size.startsWith("phone") });
    await page.locator("#n-pieces").fill("1");
    await page.locator("#n-bars").selectOption("8");
    await page.locator("#generate").click();
    await untilHeard(page);
    const isInside = (/** @type {{ x: number, y: number, width: number, height: number } | null} */ box) =>
      box !== null && box.x >= 0 && box.y >= 0 && box.x + box.width <= viewport.width + 0.5 && box.y + box.height <= viewport.height + 0.5;
    for (const name of ["save", "sound", "shape"]) {
      await page.locator(`#${name}`).click();
      const menu = await page.locator(`#${name}-menu`).boundingBox();
      const button = await page.locator(`#${name}`).boundingBox();
      assert.ok(menu && button && isInside(menu), `${name}: ${JSON.stringify(menu)}`);
      assert.ok(menu.y + menu.height <= button.y + 4, `the menu ${JSON.stringify(menu)} lies over its button ${JSON.stringify(button)}`);
      await page.keyboard.press("Escape");
    }
    if (!(await page.locator("#sections").isVisible())) await page.locator("#tall").click();
    for (const section of await page.locator("#sections button").all()) {
      const box = await section.boundingBox();
      assert.ok(isInside(box), JSON.stringify(box));
    }
    assert.equal(await page.locator("#sections .section").count(), 4);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("results don't push the dials away", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const top = () => page.evaluate(() => {
    const panel = document.querySelector("#panel-make");
    const dials = panel?.querySelector(".dials");
    return (dials?.getBoundingClientRect().top ?? 0) - (panel?.firstElementChild?.getBoundingClientRect().top ?? 0);
  });
  const before = await top();
  await page.locator("#n-pieces").fill("32");
  await page.locator("#generate").click();
  await page.waitForFunction(() => document.studio.app.history.takes.length === 32);
  assert.ok((await top()) - before < 240, `${before}, then ${await top()}`);
  await context.close();
});

test("with forced colors, the roll and the names are in the system's", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, { ...SIZES.desktop, forcedColors: "active", colorScheme: "light" });
  await page.locator("#generate").click();
  await untilHeard(page);
  const shades = await page.evaluate(() => {
    const shadesOf = (/** @type {string} */ selector) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(selector));
      const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      let light = 0;
      const found = new Set();
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 250) found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
        if (data[i] > 200 && data[i + 1] > 200 && data[i + 2] > 200) light++;
      }
      return { n: found.size, light: (4 * light) / data.length };
    };
    return { roll: shadesOf("#roll"), points: shadesOf("#map-points") };
  });
  assert.ok(shades.roll.n > 3 && shades.roll.light > 0.5, `the roll: ${JSON.stringify(shades)}`);
  assert.ok(shades.points.n > 20, `the map: ${JSON.stringify(shades)}`);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-forced.png") });
  await context.close();
});
