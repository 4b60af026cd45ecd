// @ts-check
// The studio's tools: new music, corners, mixing a tune, added styles, rejected input.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { readMidi, tune, writeMidi } from "./midi.js";
import { SIZES, drop, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

/** Folder for screenshots to look at; none are taken without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;

const studio = withStudio();

/**
 * A file in the form in which browsers pass it to pages.
 * @param {string} name
 * @param {number} seed
 */
function file(name, seed) {
  return { name, mimeType: "audio/midi", buffer: writeMidi(tune(seed)) };
}

for (const [size, options] of Object.entries(SIZES)) {
  test(`new music of a style and of two, ${size}`, async () => {
    const { context, page, complaints, requests } = await openStudio(studio.browser, studio.url, options);
    await page.locator("#seed").fill("7");
    await page.locator("#generate").click();
    await untilHeard(page);
    const first = await page.evaluate(() => document.studio.app.history.takes.map(({ seed, notes, n_steps }) => ({ seed, notes, n_steps })));
    assert.equal(first.length, 4);
    assert.ok(first.every(({ n_steps }) => n_steps === 2 * 32));
    // Every generated window is on the map.
    const made = await page.evaluate(() => document.studio.app.history.takes.flatMap(({ windows }) => windows).length);
    assert.equal(made, 8);
    await page.locator("#generate").click();
    await page.waitForFunction(() => document.studio.app.history.takes.length === 8);
    const again = await page.evaluate(() => document.studio.app.history.takes.slice(0, 4).map(({ seed, notes, n_steps }) => ({ seed, notes, n_steps })));
    assert.deepEqual(again, first, "the same seed gives the same music");
    // A click chooses one style; to blend styles, more are added.
    await page.locator("#panel-make .chip").nth(1).click();
    const pressed = page.locator("#panel-make .chip[aria-pressed=true]");
    assert.equal(await pressed.count(), 1);
    await page.getByRole("button", { name: "Blend several" }).click();
    await page.locator("#panel-make .chip").nth(2).click();
    assert.equal(await pressed.count(), 2);
    await page.locator("#panel-make .weights input").nth(1).fill("0.8");
    await page.locator("#generate").click();
    await page.waitForFunction(() => document.studio.app.history.takes.length === 12);
    // A dial is turned by keys, and the playing music changes with it.
    await page.locator("#attributes input").first().focus();
    const asked = requests.filter(({ path }) => path.endsWith("/attributes")).length;
    for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.studio.app.history.takes[0]?.how.startsWith("Adjusted"));
    assert.ok(requests.filter(({ path }) => path.endsWith("/attributes")).length > asked);
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-make-${size}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("bounds of what is drawn, and variations of what was chosen", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  assert.ok(await page.locator("#vary").isDisabled(), "nothing is chosen yet");
  for (const [label, value] of [["Reach", "0.8"], ["Smoothness", "0.3"], ["Copied", "0.9"]]) await page.getByRole("slider", { name: label }).fill(value);
  const asked = page.waitForRequest((request) => request.url().endsWith("/generate"));
  await page.locator("#generate").click();
  const body = (await asked).postDataJSON();
  const root = await page.evaluate(() => Math.sqrt(document.studio.app.model.active_dimensions.length));
  assert.ok(Math.abs(body.truncate - 0.8 * root) < 1e-9);
  assert.deepEqual([body.smoothness, body.max_copy_fraction], [0.3, 0.9]);
  await untilHeard(page);
  const n = await page.evaluate(() => document.studio.app.history.takes.length);
  const base = await page.evaluate(() => document.studio.app.history.current?.title);
  await page.locator("#vary").click();
  await page.waitForFunction((n) => document.studio.app.history.takes.length === n + 4, n);
  const made = await page.evaluate(() => document.studio.app.history.takes.slice(0, 4).map(({ title, n_steps, notes }) => ({ title, n_steps, n: notes.length })));
  assert.ok(made.every(({ title, n_steps, n }) => title === `${base}, varied` && n_steps === 64 && n > 0));
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-vary.png") });
  assert.deepEqual(complaints, []);
  await context.close();
});

for (const [size, options] of Object.entries(SIZES)) {
  test(`a grid between four corners, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await openTab(page, "corners");
    await page.locator("#corner-file").setInputFiles(file("mine.mid", 3));
    await page.waitForFunction(() => [...document.querySelectorAll("select.corner")].some((select) => /** @type {HTMLSelectElement} */ (select).value.startsWith("take:")));
    await page.locator("#fill-grid").click();
    await page.locator(".cell").nth(24).waitFor();
    await page.locator(".cell").nth(6).click();
    await untilHeard(page);
    assert.equal(await page.locator(".cell").nth(6).getAttribute("aria-pressed"), "true");
    await page.locator(".cell").nth(0).focus();
    for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    await page.waitForFunction(() => document.querySelector("[data-cell='11']")?.getAttribute("aria-pressed") === "true");
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-corners-${size}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test(`a tune is dropped, mixed and heard together, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    await openTab(page, "mix");
    await drop(page, "#panel-mix .drop", file("my tune.mid", 5));
    await untilHeard(page);
    await page.waitForFunction(() => /to/.test(document.studio.app.history.current?.how ?? ""));
    const strength = page.locator("#panel-mix .big-dial input");
    await strength.focus();
    const before = await page.evaluate(() => document.studio.app.history.current?.id);
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowRight");
    await page.waitForFunction((before) => document.studio.app.history.current?.id !== before && /^70 %/.test(document.studio.app.history.current?.how ?? ""), before);
    await page.locator("#panel-mix .chip").nth(1).click();
    await page.waitForFunction(() => !document.studio.app.history.current?.how.includes(document.studio.app.session.styles[0].name));
    await page.locator("[data-part=together]").click();
    await page.waitForFunction(() => new Set(document.studio.app.history.current?.notes.map(({ voice }) => voice)).size === 2);
    await page.waitForFunction(() => document.querySelector("[data-part=together]")?.getAttribute("aria-pressed") === "true");
    await page.locator("[data-part=original]").click();
    await page.waitForFunction(() => document.querySelector("[data-part=original]")?.getAttribute("aria-pressed") === "true");
    await untilHeard(page);
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-mix-${size}.png`) });
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test(`a style from three files is on the map, renamed, hidden, exported, removed and imported, ${size}`, async () => {
    const { context, page, complaints } = await openStudio(studio.browser, studio.url, options);
    const name = `mine ${size}`;
    await openTab(page, "styles");
    await page.locator("#style-files").setInputFiles([1, 2, 3].map((seed) => file(`tune ${seed}.mid`, seed + 10)));
    await page.locator("#style-name").fill(name);
    await page.locator("#add-style").click();
    await page.locator(".report").getByText(`“${name}” was added`).waitFor({ timeout: 60_000 });
    // The new style has an ellipse.
    await page.waitForFunction((name) => {
      const { styles, map } = document.studio.app.session;
      return map?.ellipses.some(({ style }) => styles[style]?.name === name);
    }, name);
    // Its card is open, with a description and the files it was made from.
    const card = page.locator(".styles .card");
    await card.locator("dl").waitFor();
    assert.match((await card.textContent()) ?? "", /tune 1\.mid/);
    await card.locator(".example").first().click();
    await untilHeard(page);
    if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `studio-styles-${size}.png`) });
    await card.locator("input").fill(`${name} too`);
    await card.getByRole("button", { name: "Rename" }).click();
    await page.waitForFunction((name) => document.studio.app.session.styles.some((style) => style.name === name), `${name} too`);
    const download = page.waitForEvent("download");
    await card.getByRole("button", { name: "Export" }).click();
    const exported = await (await download).path();
    assert.ok(JSON.parse(readFileSync(exported, "utf8")));
    await page.getByRole("button", { name: `Hide ${name} too` }).click();
    await page.getByRole("button", { name: `Show ${name} too` }).waitFor();
    const known = await page.evaluate((name) => document.studio.app.session.styles.find((style) => style.name === name), `${name} too`);
    await page.locator(".styles .card").getByRole("button", { name: "Remove" }).click();
    await page.waitForFunction((name) => !document.studio.app.session.styles.some((style) => style.name === name), `${name} too`);
    // Undo restores it unchanged.
    await page.locator("#undo").click();
    await page.waitForFunction((name) => document.studio.app.session.styles.some((style) => style.name === name), `${name} too`);
    const back = await page.evaluate((name) => document.studio.app.session.styles.find((style) => style.name === name), `${name} too`);
    assert.deepEqual([back?.id, back?.color], [known?.id, known?.color]);
    await page.locator("#redo").click();
    await page.waitForFunction((name) => !document.studio.app.session.styles.some((style) => style.name === name), `${name} too`);
    await page.locator("#style-import").setInputFiles({ name: "a.style.json", mimeType: "application/json", buffer: readFileSync(exported) });
    await page.locator(".styles .card").waitFor();
    await page.locator(".styles .card").getByRole("button", { name: "Remove" }).click();
    await page.waitForFunction(() => !document.studio.app.session.styles.some(({ added }) => added));
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("the track and the bars of a file are chosen", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await openTab(page, "mix");
  const buffer = writeMidi(tune(5), 120, [tune(6)]);
  await page.locator("#mix-file").setInputFiles({ name: "two.mid", mimeType: "audio/midi", buffer });
  await page.locator("#mix-track").waitFor();
  await page.waitForFunction(() => /to/.test(document.studio.app.history.current?.how ?? ""));
  const { steps_per_bar } = await page.evaluate(() => document.studio.app.model);
  const mixed = page.waitForRequest((request) => request.url().endsWith("/mix"));
  await page.locator("#mix-track").selectOption({ index: 1 });
  const all = (await mixed).postDataJSON().tokens;
  assert.ok(all.length > 1);
  const part = page.waitForRequest((request) => request.url().endsWith("/mix") && request.postDataJSON().tokens.length === 1);
  await page.locator("#mix-first").selectOption({ index: 1 });
  await page.locator("#mix-last").selectOption({ index: 1 });
  assert.deepEqual((await part).postDataJSON().tokens, [all[1]]);
  await page.waitForFunction((steps) => document.studio.app.history.current?.n_steps === steps, 2 * steps_per_bar);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("what is refused is told in the server's words", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  await openTab(page, "mix");
  const answer = page.waitForResponse((response) => response.url().endsWith("/tunes"));
  await page.locator("#mix-file").setInputFiles({ name: "broken.mid", mimeType: "audio/midi", buffer: Buffer.from("hello") });
  const { error } = await (await answer).json();
  await page.locator(".toast").waitFor();
  assert.ok((await page.locator(".toast").textContent())?.includes(error.message), error.message);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "studio-refused.png") });
  await page.locator(".toast button").click();
  assert.equal(await page.locator(".toast").count(), 0);
  // Chromium logs each response that isn't 2xx; nothing else may be logged.
  assert.ok(complaints.every((text) => /status of 422/.test(text)), complaints.join("\n"));
  await context.close();
});

test("the MIDI files of these tests are what they should be", () => {
  const notes = tune(1);
  const read = readMidi(writeMidi(notes, 90));
  assert.ok(Math.abs(read.qpm - 90) < 0.01);
  assert.deepEqual(read.notes, notes);
});
