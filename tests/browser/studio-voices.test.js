// @ts-check
// The studio with the model that the program takes if none is named: music of several voices.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { SIZES, openStudio, untilHeard, withStudio } from "./studio.js";

/** Where screenshots go, for people to look at; nowhere without it. */
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
    // At some moment two notes or more sound together.
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
