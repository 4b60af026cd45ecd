// @ts-check
// A page of pieces, made by the program, opened from the disk and played.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { PROGRAM, SIZES, launch, open, temporary } from "./browser.js";

/** Where screenshots go, for people to look at; nowhere without it. */
const SCREENSHOTS = process.env.SCREENSHOTS;

/** @typedef {import("../../crates/note-render/src/web/player.js").Player} Player */

/** @type {import("playwright-core").Browser} */
let browser;
const folder = temporary("controlgen-sheet");
const out = join(folder, "out");
let url = "";

before(async () => {
  const run = (/** @type {string[]} */ ...words) => execFileSync(PROGRAM, words, { cwd: folder, encoding: "utf8" });
  run("corpus", "synthesize", "-o", "midi", "--pieces", "2", "--seed", "1", "--styles", "hymn,reel,blues,toccata");
  const files = readdirSync(join(folder, "midi"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".mid"))
    .sort()
    .map((name) => join("midi", name));
  assert.equal(files.length, 8);
  run("render", ...files, "-o", "out", "--html", "--qpm", "240");
  url = pathToFileURL(join(out, "index.html")).href;
  browser = await launch();
});

after(() => browser?.close());

/**
 * Waits until the player stands where it should, or fails.
 * @param {import("playwright-core").Page} page
 * @param {"plays" | "is silent"} state
 */
function until(page, state) {
  return page.waitForFunction((/** @type {string} */ state) => {
    const { player } = /** @type {{ player: Player }} */ (/** @type {unknown} */ (document));
    return state === "plays" ? player.isPlaying && player.position > 0.1 : !player.isPlaying;
  }, state);
}

test("a piece is played from the disk, and the audio clock runs", async () => {
  const { context, page, complaints } = await open(browser, url, { viewport: SIZES.desktop });
  const first = page.locator("figure.take").first();
  const name = await first.locator("button.play").getAttribute("aria-label");
  await first.locator("button.play").click();
  await until(page, "plays");
  const state = await page.evaluate(() => {
    const { player } = /** @type {{ player: Player }} */ (/** @type {unknown} */ (document));
    return { audio: player.context?.state, time: player.context?.currentTime, loop: player.loop };
  });
  assert.equal(state.audio, "running");
  assert.ok((state.time ?? 0) > 0);
  assert.equal(await first.locator("button.play").getAttribute("aria-pressed"), "true");
  assert.equal(await first.locator("button.play").getAttribute("aria-label"), name?.replace("Play", "Stop"));
  assert.equal(`Play ${await page.locator("#now").textContent()}`, name);
  await first.locator("button.play").click();
  await until(page, "is silent");
  assert.equal(await page.locator(".playing").count(), 0);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("keys play, stop, go on and back, and loop", async () => {
  const { context, page, complaints } = await open(browser, url, { viewport: SIZES.desktop });
  const playing = async () => {
    await until(page, "plays");
    return page.locator("figure.playing").getAttribute("data-take");
  };
  await page.keyboard.press("Space");
  assert.equal(await playing(), "0");
  await page.keyboard.press("n");
  assert.equal(await playing(), "1");
  await page.keyboard.press("p");
  assert.equal(await playing(), "0");
  await page.keyboard.press("p");
  assert.equal(await playing(), "7", "before the first comes the last");
  await page.keyboard.press("l");
  assert.equal(await page.locator("#loop").getAttribute("aria-pressed"), "true");
  // Near the end a loop begins anew instead of ending.
  const canvas = page.locator("figure[data-take='7'] canvas");
  const box = await canvas.boundingBox();
  assert.ok(box);
  await canvas.click({ position: { x: box.width - 3, y: 20 } });
  await page.waitForFunction(() => {
    const { player } = /** @type {{ player: Player }} */ (/** @type {unknown} */ (document));
    return player.isPlaying && player.position > 0.05 && player.position < 3;
  });
  await page.keyboard.press("Space");
  await until(page, "is silent");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("without a loop the music ends", async () => {
  const { context, page } = await open(browser, url, { viewport: SIZES.desktop });
  const canvas = page.locator("canvas").first();
  const box = await canvas.boundingBox();
  assert.ok(box);
  await canvas.click({ position: { x: box.width - 3, y: 20 } });
  await until(page, "is silent");
  assert.equal(await page.locator("#now").textContent(), "Nothing is playing");
  await context.close();
});

test("the MIDI file that can be taken away is the music", async () => {
  const { context, page } = await open(browser, url, { viewport: SIZES.desktop });
  const download = page.waitForEvent("download");
  await page.locator("figure a").first().click();
  const file = await (await download).path();
  const bytes = readFileSync(file);
  assert.equal(bytes.subarray(0, 4).toString("latin1"), "MThd");
  const again = join(folder, "again.mid");
  await (await download).saveAs(again);
  const shown = JSON.parse(execFileSync(PROGRAM, ["inspect", "--json", again], { encoding: "utf8" }));
  /** @type {{ notes: number[][] }} */
  const take = await page.evaluate(() => JSON.parse(document.querySelector("#data")?.textContent ?? "").takes[0]);
  const inOrder = (/** @type {[number, number][]} */ notes) => notes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  // As protocol buffers are written in JSON: a start at 0 is left out.
  /** @type {{ pitch: number, startTime?: number }[]} */
  const notes = shown.sequence.notes;
  const read = inOrder(notes.map(({ pitch, startTime }) => [pitch, startTime ?? 0]));
  const wanted = inOrder(take.notes.map((note) => [note[2], note[0]]));
  assert.ok(wanted.length > 20);
  assert.deepEqual(read.map(([pitch]) => pitch), wanted.map(([pitch]) => pitch));
  // A tick of 220 to the quarter note at 240 a minute is 1.1 ms.
  read.forEach(([, start], i) => assert.ok(Math.abs(start - wanted[i][1]) < 0.003, `${start} and ${wanted[i][1]}`));
  await context.close();
});

test("the sounds are what the notes say", async () => {
  const { context, page } = await open(browser, url, { viewport: SIZES.desktop });
  // The modules' own source, in a page of their own: the sheet holds them as one module.
  const source = (/** @type {string} */ name) =>
    readFileSync(new URL(`../../crates/note-render/src/web/${name}`, import.meta.url), "utf8")
      .replace(/^import .*$/gm, "")
      .replace(/^export /gm, "");
  const script = `${source("drums.js")}\n${source("voices.js")}\n${source("player.js")}`;
  const heard = await page.evaluate(async (script) => {
    const render = new Function("context", "note", `${script}\nplayNote(context, context.destination, note, 0.1);`);
    /** @type {{ program: number, drum: number, pitch: number, peak: number, before: number, after: number, cents: number }[]} */
    const heard = [];
    const cases = [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120].map((p) => [p, 69, 0]);
    for (const key of [35, 38, 42, 46, 49, 51, 60, 76, 81, 90, 5]) cases.push([0, key, 1]);
    for (const [program, pitch, drum] of cases) {
      const offline = new OfflineAudioContext(1, 3 * 44100, 44100);
      render(offline, [0, 0.8, pitch, 100, program, 0, drum]);
      const samples = (await offline.startRendering()).getChannelData(0);
      const peak = (/** @type {number} */ from, /** @type {number} */ to) =>
        samples.subarray(from * 44100, to * 44100).reduce((peak, v) => Math.max(peak, Math.abs(v)), 0);
      const power = (/** @type {number} */ hertz) => {
        let [re, im] = [0, 0];
        const [from, n] = [0.15 * 44100, 0.7 * 44100];
        for (let i = 0; i < n; i++) {
          const windowed = samples[from + i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
          re += windowed * Math.cos((2 * Math.PI * hertz * i) / 44100);
          im += windowed * Math.sin((2 * Math.PI * hertz * i) / 44100);
        }
        return re * re + im * im;
      };
      let [best, cents] = [0, 0];
      for (let c = -60; c <= 60; c += 2) {
        const found = drum ? 0 : power(440 * 2 ** (c / 1200));
        if (found > best) [best, cents] = [found, c];
      }
      heard.push({ program, drum, pitch, peak: peak(0.1, 1), before: peak(0, 0.099), after: peak(2.6, 3), cents });
    }
    return heard;
  }, script);
  assert.equal(heard.length, 27);
  for (const sound of heard) {
    const what = JSON.stringify(sound);
    assert.ok(sound.peak > 0.03 && sound.peak < 1, what);
    assert.equal(sound.before, 0, what);
    assert.ok(sound.after < 0.01, what);
    // Two oscillators, a few cents apart, beat.
    assert.ok(Math.abs(sound.cents) <= 20, what);
  }
  await context.close();
});

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    test(`the page is accessible and fits, ${size}, ${colorScheme}`, async () => {
      const { context, page, complaints } = await open(browser, url, { viewport, colorScheme });
      await page.locator("button.play").nth(1).click();
      await until(page, "plays");
      const { scroll, inner } = await page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth,
        inner: window.innerWidth,
      }));
      assert.ok(scroll <= inner, `${scroll} pixels in a window of ${inner}`);
      // The rolls in sight are drawn: more than one colour each.
      const colors = await page.evaluate(() => {
        const canvas = document.querySelector("canvas");
        const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        const found = new Set();
        for (let i = 0; i < data.length; i += 4) found.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
        return found.size;
      });
      assert.ok(colors >= 4, `${colors} colours`);
      if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `sheet-${size}-${colorScheme}.png`) });
      // Axe's script stands outside of the page's content security policy.
      await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
      const found = await page.evaluate(async () => {
        const { axe } = /** @type {{ axe: { run(): Promise<import("axe-core").AxeResults> } }} */ (/** @type {unknown} */ (globalThis));
        return (await axe.run()).violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0]?.html}`);
      });
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, []);
      await context.close();
    });
  }
}
