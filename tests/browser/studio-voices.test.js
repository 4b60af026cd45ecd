// @ts-check
// The studio with the default model: music of several voices.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { SIZES, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;

const studio = withStudio("poly");

for (const [size, options] of Object.entries(SIZES)) {
  test(`music of several voices is generated, heard and shown, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await page.locator("#n-pieces").fill("1");
    await page.locator("#seed").evaluate((seed) => Object.assign(seed, { value: "1" }));
    await page.locator("#generate").click();
    await untilHeard(page);
    const notes = await page.evaluate(() => document.studio.app.history.current?.notes ?? []);
    // At some moment, two or more notes sound together.
    const together = notes.filter((note) => notes.some(
      (other) => other !== note && other.start < note.end && note.start < other.end,
    ));
    assert.ok(together.length > notes.length / 2, `${together.length} of ${notes.length} notes`);
    const nVoices = await page.evaluate(() => document.studio.app.player.voices.length);
    assert.ok(nVoices > 1, `${nVoices} voices`);
    assert.ok(notes.every(({ voice }) => voice < nVoices));
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-voices-${size}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("new music in the scale of its key", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  assert.ok(await page.evaluate(() => document.studio.app.model.in_one_key));
  await page.locator("#make-key").selectOption("2");
  await page.locator("#make-in-scale").check();
  const asked = page.waitForRequest((request) => request.url().endsWith("/generate"));
  await page.locator("#generate").click();
  assert.equal((await asked).postDataJSON().in_scale, true);
  await untilHeard(page);
  const outside = await page.evaluate(() => {
    const { app } = document.studio;
    const notes = app.history.takes.flatMap((take) => take.notes).filter((note) => !app.player.isDrum(note));
    // D major.
    return [notes.length, notes.filter(({ pitch }) => ![2, 4, 6, 7, 9, 11, 1].includes(pitch % 12)).length];
  });
  assert.ok(outside[0] > 0);
  assert.equal(outside[1], 0);
  // It is kept for the next visit.
  await page.reload();
  await page.waitForFunction(() => /** @type {HTMLInputElement | null} */ (document.querySelector("#make-in-scale"))?.checked);
  await page.locator("#make-in-scale").uncheck();
  const again = page.waitForRequest((request) => request.url().endsWith("/generate"));
  await page.locator("#generate").click();
  assert.equal((await again).postDataJSON().in_scale, undefined);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-scale.png") });
  assert.deepEqual(complaints, []);
  await context.close();
});

test("places on the map sound, and cards tell styles apart", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.waitForFunction(() => document.studio.map.names.length > 2);
  const place = await page.evaluate(() => {
    const [name] = document.studio.map.names;
    const box = document.querySelector("#map-overlay")?.getBoundingClientRect() ?? new DOMRect();
    return { x: box.x + name.x, y: box.y + name.y };
  });
  await page.mouse.click(place.x, place.y);
  await untilHeard(page);
  // The measured memberships are shown.
  await page.waitForFunction(() => Object.keys(document.studio.app.history.current?.windows[0].memberships ?? {}).length > 0);
  assert.match((await page.locator("#now").textContent()) ?? "", /^(Like|Between) /);
  await openTab(page, "styles");
  await page.locator(".styles .head").first().click();
  await page.locator(".card strong").nth(1).waitFor();
  const card = (await page.locator(".card").textContent()) ?? "";
  assert.equal(card.match(/Next to /g)?.length, 2, card);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-card-voices.png") });
  assert.equal(await page.locator(".toast").count(), 0);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("each voice has its color, the same as on other pages, and bars are those of the meter", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await page.evaluate(async () => {
    const { app } = document.studio;
    const notes = [0, 1, 2].map((voice) => ({ pitch: 60 + 4 * voice, start: 0, end: 36, voice }));
    const window = { tokens: [], z: [], notes, n_steps: 72, meter: /** @type {[number, number]} */ ([3, 4]), key: 0, memberships: {} };
    const piece = {
      title: "Waltz", n_steps: 72, qpm: 120, notes, windows: [window], seed: null, temperature: null, membership: null, copy: null,
      form: null,
    };
    app.history.choose(app.take(piece, "test"));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
  const found = await page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("#roll"));
    const context = canvas.getContext("2d");
    const { roll } = document.studio.editor;
    const ratio = canvas.width / canvas.clientWidth;
    const { data } = context?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: new Uint8ClampedArray() };
    return [0, 1, 2].map((voice) => {
      const x = (roll.x(0) + roll.x(36)) / 2;
      const y = roll.y(60 + 4 * voice) + roll.row / 2;
      const at = 4 * (Math.round(y * ratio) * canvas.width + Math.round(x * ratio));
      return `#${[...data.slice(at, at + 3)].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
    });
  });
  const parts = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--roll-parts").trim().split(/\s+/));
  assert.deepEqual(found, parts.slice(0, 3));
  assert.equal(parts[0], "#0072b2");
  // An exported file is in 3/4.
  const signature = await page.evaluate(async () => {
    const { app } = document.studio;
    const take = app.history.current;
    const blob = await app.api.blob("/midi", { notes: take?.notes, meter: take?.windows[0].meter });
    const bytes = [...new Uint8Array(await blob.arrayBuffer())];
    const at = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0x58);
    return [bytes[at + 3], 2 ** bytes[at + 4]];
  });
  assert.deepEqual(signature, [3, 4]);
  assert.deepEqual(complaints, []);
  await context.close();
});
