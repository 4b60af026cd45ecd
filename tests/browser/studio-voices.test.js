// @ts-check
// The studio with the model that the program takes if none is named: music of several voices.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { SIZES, openStudio, openTab, untilHeard, withStudio } from "./studio.js";

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
  // What it turned out as is told, whatever it is.
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
