// @ts-check
// The studio's piano roll and history: editing, undo, encoding by the model, saving, opening.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { temporary } from "./browser.js";
import { readMidi } from "./midi.js";
import { SIZES, drag, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../crates/studio/web/types.js").Note} Note */

const studio = withStudio();

/** @param {Page} page */
async function generate(page) {
  await page.locator("#n-pieces").fill("2");
  await page.locator("#n-bars").selectOption({ index: 0 });
  // The same music each time, with notes that have room to be moved.
  await page.locator("#seed").evaluate((seed) => Object.assign(seed, { value: "1" }));
  await page.locator("#generate").click();
  await untilHeard(page);
  await page.locator("#play").click();
  await page.waitForFunction(() => !document.studio.app.player.isPlaying);
}

/**
 * The notes of the selected piece.
 * @param {Page} page
 * @returns {Promise<Note[]>}
 */
function notesOf(page) {
  return page.evaluate(() => document.studio.app.history.current?.notes ?? []);
}

/**
 * The position of a step and a key in the window.
 * @param {Page} page
 * @param {number} step
 * @param {number} pitch
 */
async function placeOf(page, step, pitch) {
  return page.evaluate(
    ({ step, pitch }) => {
      const { roll } = document.studio.editor;
      const box = document.querySelector("#roll")?.getBoundingClientRect() ?? new DOMRect();
      return { x: box.x + roll.x(step), y: box.y + roll.y(pitch) + roll.row / 2 };
    },
    { step, pitch },
  );
}

for (const [size, options] of Object.entries(SIZES)) {
  test(`a note is moved, lengthened, added, removed; undone and done again, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await generate(page);
    const before = await notesOf(page);
    const windows = await page.evaluate(() => document.studio.app.history.current?.windows);
    const note = before.find((note) => note.end - note.start >= 2) ?? before[0];
    // Moved up by two semitones.
    const encoded = page.waitForResponse((response) => response.url().endsWith("/encode"));
    const middle = (note.start + note.end) / 2 - 0.3;
    await drag(page, [await placeOf(page, middle, note.pitch), await placeOf(page, middle, note.pitch + 2)]);
    const moved = await notesOf(page);
    assert.deepEqual(
      moved.filter(({ start }) => start === note.start).map(({ pitch }) => pitch),
      [note.pitch + 2],
    );
    // The model reads the edit: the windows are those that it encoded.
    const { windows: heard } = await (await encoded).json();
    await page.waitForFunction((z) => document.studio.app.history.current?.windows[0]?.z[0] === z, heard[0].z[0]);
    await page.keyboard.press("Control+z");
    assert.deepEqual(await notesOf(page), before);
    assert.deepEqual(await page.evaluate(() => document.studio.app.history.current?.windows), windows);
    await page.keyboard.press("Control+Shift+z");
    assert.deepEqual(await notesOf(page), moved);
    await page.locator("#undo").click();
    assert.deepEqual(await notesOf(page), before);
    // Keys: the first note up an octave, longer, removed.
    await page.locator("#roll").focus();
    await page.keyboard.press(".");
    await page.keyboard.press("Shift+ArrowUp");
    await page.keyboard.press("Alt+ArrowRight");
    const keyed = await page.evaluate(() => document.studio.editor.selected);
    assert.equal(keyed?.pitch, before[0].pitch + 12);
    assert.equal(keyed?.end, Math.min(before[0].end + 1, 32));
    await page.keyboard.press("Delete");
    assert.equal((await notesOf(page)).length, before.length - 1);
    await page.keyboard.press("Insert");
    assert.equal((await notesOf(page)).length, before.length);
    for (let i = 0; i < 4; i++) await page.keyboard.press("Control+z");
    assert.deepEqual(await notesOf(page), before);
    // A note is added on an empty place, and removed by a double click.
    const pitch = await page.evaluate(() => document.studio.editor.roll.high);
    const place = await placeOf(page, 4.5, pitch);
    await page.mouse.click(place.x, place.y);
    assert.equal((await notesOf(page)).length, before.length + 1);
    await page.waitForTimeout(700);
    // A note at the top adds rows above it, and can be moved.
    const drawn = await placeOf(page, 4.5, pitch);
    await page.mouse.dblclick(drawn.x, drawn.y);
    assert.deepEqual(await notesOf(page), before);
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-roll-${size}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test(`favourites, files, and a project that is opened again, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await generate(page);
    await page.locator("#star").click();
    await openTab(page, "history");
    assert.equal(await page.locator("#panel-history li[data-take]").count(), 2);
    await page.locator("#only-favourites").click();
    assert.equal(await page.locator("#panel-history li[data-take]").count(), 1);
    await page.locator("#only-favourites").click();
    const folder = temporary("controlgen-studio-files");
    const save = async (/** @type {string} */ kind) => {
      const download = page.waitForEvent("download");
      await page.locator("#save").click();
      await page.locator(`[data-save=${kind}]`).click();
      const path = join(folder, (await download).suggestedFilename());
      await (await download).saveAs(path);
      return path;
    };
    const notes = await notesOf(page);
    const midi = readMidi(readFileSync(await save("midi")));
    assert.deepEqual(midi.notes.map(({ pitch }) => pitch), notes.map(({ pitch }) => pitch));
    const wav = readFileSync(await save("wav"));
    assert.equal(wav.subarray(0, 4).toString("latin1"), "RIFF");
    const project = await save("project");
    const all = await save("all");
    // The file that is dragged out is complete.
    await page.evaluate(() => document.querySelector(".handle")?.dispatchEvent(new PointerEvent("pointerenter")));
    await page.waitForFunction(() => /** @type {HTMLElement | null} */ (document.querySelector(".handle"))?.draggable);
    const dragged = await page.evaluate(() => {
      const data = new DataTransfer();
      document.querySelector(".handle")?.dispatchEvent(new DragEvent("dragstart", { dataTransfer: data }));
      return data.getData("DownloadURL");
    });
    const [, type, name, url] = /^([^:]+):([^:]+):(.+)$/.exec(dragged) ?? [];
    assert.equal(type, "audio/midi");
    assert.match(name, /\.mid$/);
    assert.deepEqual(readMidi(Buffer.from(url.split(",")[1], "base64")), midi);
    // On a page without any pieces, the project is restored completely.
    await context.close();
    const other = await openStudio(studio.browser, studio.url, options);
    await openTab(other.page, "history");
    await other.page.locator("#project-file").setInputFiles(project);
    await other.page.waitForFunction(() => document.studio.app.history.takes.length === 1);
    assert.deepEqual(await notesOf(other.page), notes);
    assert.equal(await other.page.locator("#star").getAttribute("aria-pressed"), "true");
    assert.ok(await other.page.evaluate(() => (document.studio.app.history.current?.windows.length ?? 0) > 0));
    await other.page.locator("#project-file").setInputFiles(all);
    await other.page.waitForFunction(() => document.studio.app.history.takes.length === 3);
    await other.page.locator("#project-file").setInputFiles({ name: "no.json", mimeType: "application/json", buffer: Buffer.from("[1]") });
    await other.page.locator(".toast").getByText("not a project").waitFor();
    assert.deepEqual([...complaints, ...other.complaints], []);
    await other.context.close();
  });
}

test("the model's version is shown, kept, and played", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page);
  const encoded = page.waitForResponse((response) => response.url().endsWith("/encode"));
  await page.keyboard.press("e");
  const { reconstruction } = await (await encoded).json();
  await page.waitForFunction(() => {
    const { editor, app } = document.studio;
    return app.history.current && editor.listening.ghosts(app.history.current).length > 0;
  });
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-ear.png") });
  await page.locator("#keep").click();
  await page.waitForFunction(() => document.studio.app.history.current?.how.startsWith("The model's version"));
  assert.deepEqual(
    (await notesOf(page)).map(({ pitch, start }) => [pitch, start]),
    reconstruction[0].notes.map((/** @type {Note} */ { pitch, start }) => [pitch, start]),
  );
  await untilHeard(page);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("several notes are selected, moved, copied, pasted and removed together", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page);
  const before = await notesOf(page);
  const selection = () => page.evaluate(() => document.studio.editor.selection);
  // Select an area around everything, and take one note out of the selection.
  const box = await page.locator("#roll").boundingBox();
  assert.ok(box);
  await page.keyboard.down("Shift");
  await drag(page, [{ x: box.x + 32, y: box.y + 20 }, { x: box.x + box.width - 2, y: box.y + box.height - 2 }]);
  assert.equal((await selection()).length, before.length);
  const [first, second] = before;
  const place = await placeOf(page, (first.start + first.end) / 2 - 0.3, first.pitch);
  await page.mouse.click(place.x, place.y);
  await page.keyboard.up("Shift");
  assert.equal((await selection()).length, before.length - 1);
  assert.deepEqual(await notesOf(page), before, "nothing is changed by selecting");
  await page.keyboard.press("ArrowUp");
  const raised = await notesOf(page);
  assert.deepEqual(raised[0], before[0]);
  assert.deepEqual(raised.slice(1).map(({ pitch }) => pitch).sort(), before.slice(1).map(({ pitch }) => pitch + 1).sort());
  await page.keyboard.press("Control+z");
  assert.deepEqual(await notesOf(page), before);
  // If one of them is dragged, both move.
  await page.keyboard.press(".");
  await page.evaluate(() => {
    const { editor, app } = document.studio;
    editor.selection = (app.history.current?.notes ?? []).slice(0, 2);
  });
  const from = await placeOf(page, (second.start + second.end) / 2 - 0.3, second.pitch);
  const to = await placeOf(page, (second.start + second.end) / 2 - 0.3, second.pitch + 2);
  await drag(page, [from, to]);
  const dragged = await notesOf(page);
  assert.deepEqual(dragged.slice(0, 2).map(({ pitch }) => pitch).sort(), [first.pitch + 2, second.pitch + 2].sort());
  await page.keyboard.press("Control+z");
  // Copy, and paste after the selection.
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Escape");
  await page.evaluate(() => {
    const { editor, app } = document.studio;
    editor.selection = (app.history.current?.notes ?? []).slice(0, 1);
  });
  await page.keyboard.press("Control+c");
  await page.keyboard.press("Control+v");
  const pasted = await notesOf(page);
  assert.equal(pasted.length, before.length + 1);
  const [added] = await selection();
  assert.deepEqual([added.pitch, added.start], [first.pitch, first.end]);
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+x");
  assert.equal((await notesOf(page)).length, 0);
  await page.keyboard.press("Control+z");
  assert.deepEqual(await notesOf(page), pasted);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a piece is transposed, and its files have an instrument and dynamics", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await generate(page);
  const before = await notesOf(page);
  await page.locator("#shape").click();
  await page.getByRole("button", { name: "Transpose an octave up" }).click();
  assert.deepEqual((await notesOf(page)).map(({ pitch }) => pitch), before.map(({ pitch }) => pitch + 12));
  await page.locator("#program").selectOption({ label: "Flute" });
  await page.locator("#velocity").selectOption({ label: "ff" });
  await page.keyboard.press("Escape");
  const asked = page.waitForRequest((request) => request.url().endsWith("/midi"));
  await page.keyboard.press("s");
  const { program, velocity } = (await asked).postDataJSON();
  assert.deepEqual([program, velocity], [73, 112]);
  for (let i = 0; i < 3; i++) await page.locator("#undo").click();
  assert.deepEqual(await notesOf(page), before);
  assert.deepEqual(complaints, []);
  await context.close();
});
