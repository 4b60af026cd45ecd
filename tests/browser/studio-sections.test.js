// @ts-check
// A longer piece as a row of sections, which are dragged, locked, redrawn, varied, repeated and
// removed; its key, scale and dials.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { SIZES, openStudio, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;

const studio = withStudio("poly");

/** @typedef {import("playwright-core").Page} Page */

/**
 * Generates a piece.
 * @param {Page} page
 * @param {{ bars: string, form?: string }} how
 */
async function generate(page, { bars, form = "" }) {
  await page.locator("#n-pieces").fill("1");
  await page.locator("#seed").evaluate((seed) => Object.assign(seed, { value: "1" }));
  await page.locator("#n-bars").selectOption(bars);
  if (form) await page.locator("#form").selectOption(form);
  await page.locator("#generate").click();
  await untilHeard(page);
}

/**
 * The names of the sections as they are shown, and the music of each.
 * @param {Page} page
 */
async function sections(page) {
  const shown = await page.locator("#sections .section").allTextContents();
  const { windows, nSteps, sum } = await page.evaluate(() => {
    const take = document.studio.app.history.current;
    return {
      windows: (take?.windows ?? []).map(({ notes }) => JSON.stringify(notes)),
      nSteps: take?.n_steps,
      sum: take?.windows.reduce((sum, { n_steps }) => sum + n_steps, 0),
    };
  });
  assert.equal(nSteps, sum);
  return { shown, windows };
}

/**
 * Waits until another change can be undone.
 * @param {Page} page
 * @param {RegExp} label
 */
async function done(page, label) {
  await page.waitForFunction((label) => new RegExp(label).test(document.studio.app.history.undoable ?? ""), label.source);
}

for (const [size, options] of Object.entries(SIZES)) {
  test(`sections are dragged, kept, drawn again, varied, repeated and removed, ${size}`, async () => {
    const { context, page, complaints, requests } = await openStudio(studio.browser, studio.url, options);
    await generate(page, { bars: "16", form: "AABA" });
    let { shown, windows } = await sections(page);
    assert.deepEqual(shown, ["A", "A", "B", "A"]);
    assert.equal(windows.length, 8);
    const [a, b] = [windows.slice(0, 2), windows.slice(4, 6)];
    // The last window is an ending.
    const last = windows.slice(6);
    assert.deepEqual([...windows.slice(0, 6), last[0]], [...a, ...a, ...b, a[0]]);

    // Drag B to the front.
    const boxOf = async (/** @type {number} */ i) => {
      const box = await page.locator("#sections .section").nth(i).boundingBox();
      assert.ok(box);
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const [from, to] = [await boxOf(2), await boxOf(0)];
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(to.x - 4, to.y, { steps: 8 });
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-sections-${size}.png`) });
    await page.mouse.up();
    await done(page, /Section B moved/);
    ({ shown, windows } = await sections(page));
    assert.deepEqual(shown, ["B", "A", "A", "A"]);
    assert.deepEqual(windows, [...b, ...a, ...a, ...last]);
    await page.evaluate(() => document.studio.app.history.undo());
    assert.deepEqual((await sections(page)).shown, ["A", "A", "B", "A"]);

    // Move the third section to the left by keys.
    await page.locator("#sections .section").nth(2).click();
    await page.keyboard.press("Alt+ArrowLeft");
    await done(page, /Section B moved/);
    assert.deepEqual((await sections(page)).shown, ["A", "B", "A", "A"]);

    // A varied section is similar but not equal, and the others stay.
    const before = (await sections(page)).windows;
    await page.locator("#sections").getByRole("button", { name: "Vary this section" }).click();
    await done(page, /Varied: B'/);
    ({ shown, windows } = await sections(page));
    assert.deepEqual(shown, ["A", "B'", "A", "A"]);
    assert.deepEqual([windows.slice(0, 2), windows.slice(4)], [before.slice(0, 2), before.slice(4)]);
    assert.notDeepEqual(windows.slice(2, 4), before.slice(2, 4));

    // With the second section locked, all others are redrawn.
    await page.keyboard.press("k");
    assert.equal(await page.getByRole("button", { name: "Draw this section again" }).isDisabled(), true);
    const kept = windows.slice(2, 4);
    await page.locator("#redraw-others").click();
    await done(page, /Drawn again/);
    ({ shown, windows } = await sections(page));
    assert.deepEqual(windows.slice(2, 4), kept);
    assert.ok(windows.every((window, i) => (i >= 2 && i < 4) || window !== before[i]));
    assert.equal(new Set(shown).size, 4, `each drawn again has a name of its own: ${shown}`);
    assert.equal(requests.filter(({ path }) => path.endsWith("/redraw")).length, 2);

    // Repeated and removed.
    await page.locator("#sections .section").nth(1).click();
    await page.keyboard.press("d");
    assert.deepEqual((await sections(page)).windows.length, 10);
    await page.keyboard.press("Delete");
    await page.keyboard.press("Delete");
    ({ windows } = await sections(page));
    assert.equal(windows.length, 6);
    // The sections that are shown are those that play, and they survive a reload.
    const { heard, names } = await page.evaluate(() => {
      const { player, history } = document.studio.app;
      return { heard: player.score?.n_steps === history.current?.n_steps, names: history.current?.sections?.map(({ name }) => name) };
    });
    assert.ok(heard);
    await page.waitForTimeout(500);
    await page.reload();
    await page.waitForSelector("body.ready");
    assert.deepEqual((await sections(page)).shown, names);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("a form as in real pieces has a section for each window, and dials say what they reached", async () => {
  const { context, page, complaints, requests } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page, { bars: "8" });
  const { shown } = await sections(page);
  assert.equal(shown.length, 4);
  assert.equal(shown[0], "A");
  await page.locator("#attributes input").first().fill("1.5");
  await page.waitForFunction(() => /reached [+−]/.test(document.studio.app.history.current?.how ?? ""));
  assert.ok(requests.some(({ path }) => path.endsWith("/attributes")));
  assert.deepEqual((await sections(page)).shown, shown);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("new music has the chosen key, instrument and dynamics, and edits keep to the scale", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page, { bars: "2" });
  const plain = await page.evaluate(() => document.studio.app.history.current);
  assert.ok(plain);
  await page.locator("#make-key").selectOption({ label: "D / Bm" });
  await page.locator("#make-program").selectOption({ label: "Vibraphone" });
  await page.locator("#make-velocity").selectOption({ label: "pp" });
  await generate(page, { bars: "2" });
  await page.waitForFunction((id) => document.studio.app.history.current?.id !== id, plain.id);
  const shaped = await page.evaluate(() => document.studio.app.history.current);
  assert.ok(shaped);
  assert.deepEqual([shaped.program, shaped.velocity], [11, 33]);
  assert.deepEqual(shaped.notes.map(({ pitch }) => pitch), plain.notes.map(({ pitch }) => pitch + 2));
  assert.deepEqual(shaped.windows[0].tokens, plain.windows[0].tokens);
  assert.deepEqual(shaped.windows[0].memberships, plain.windows[0].memberships);
  // Transposed as a whole, it is the same music for the model.
  await page.locator("#shape").click();
  await page.getByRole("button", { name: "Transpose a semitone up" }).click();
  const moved = await page.evaluate(() => document.studio.app.history.current);
  assert.deepEqual([moved?.windows[0].key, moved?.edited], [3, false]);
  // In E flat there is no E: a note moved up goes to F.
  await page.locator("#keeps-scale").check();
  await page.keyboard.press("Escape");
  const pitches = await page.evaluate(() => {
    const { editor, app } = document.studio;
    const take = app.history.current;
    if (!take) return [];
    const notes = [63, 64, 66].map((pitch, i) => ({ pitch, start: i, end: i + 1, voice: 0 }));
    return [editor.inTune(notes, 1), editor.inTune(notes, -1)].map((notes) => notes.map(({ pitch }) => pitch));
  });
  assert.deepEqual(pitches, [[63, 65, 67], [63, 63, 65]]);
  // The choices survive a reload.
  await page.waitForTimeout(400);
  await page.reload();
  await page.waitForSelector("body.ready");
  assert.equal(await page.locator("#make-program").inputValue(), "11");
  assert.deepEqual(complaints, []);
  await context.close();
});
