// @ts-check
// The studio's sounds, rendered offline: loud enough, in tune, ending on time, cut without a click.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SIZES, openStudio, withStudio } from "./studio.js";

const studio = withStudio();

test("the sounds are what the notes say, and can be cut at any moment", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, SIZES.desktop);
  const heard = await page.evaluate(async () => {
    /** @type {typeof import("../../crates/note-render/src/web/voices.js")} */
    const voices = await import(`${location.origin}/sound/voices.js`);
    /** @type {typeof import("../../crates/note-render/src/web/drums.js")} */
    const drums = await import(`${location.origin}/sound/drums.js`);
    const RATE = 44100;
    /** @type {{ name: string, peak: number, before: number, after: number, cents: number, jump: number }[]} */
    const heard = [];
    const render = async (/** @type {(context: OfflineAudioContext) => void} */ play) => {
      const offline = new OfflineAudioContext(1, 3 * RATE, RATE);
      play(offline);
      return (await offline.startRendering()).getChannelData(0);
    };
    const note = async (/** @type {string} */ name, /** @type {(context: OfflineAudioContext) => void} */ play, /** @type {number} */ hertz) => {
      const samples = await render(play);
      const peak = (/** @type {number} */ from, /** @type {number} */ to) =>
        samples.subarray(from * RATE, to * RATE).reduce((peak, v) => Math.max(peak, Math.abs(v)), 0);
      let [best, cents] = [0, 0];
      for (let c = hertz ? -60 : 61; c <= 60; c += 2) {
        let [re, im] = [0, 0];
        const [from, n] = [0.15 * RATE, 0.6 * RATE];
        for (let i = 0; i < n; i++) {
          const windowed = samples[from + i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
          const phase = (2 * Math.PI * hertz * 2 ** (c / 1200) * i) / RATE;
          re += windowed * Math.cos(phase);
          im += windowed * Math.sin(phase);
        }
        const power = re * re + im * im;
        if (power > best) [best, cents] = [power, c];
      }
      // A click is a jump between neighboring samples at the cut that the sound itself does not
      // make.
      let jump = 0;
      for (let i = 0.4 * RATE; i < 0.6 * RATE; i++) jump = Math.max(jump, Math.abs(samples[i] - 2 * samples[i - 1] + samples[i - 2]));
      heard.push({ name, peak: peak(0.1, 1), before: peak(0, 0.099), after: peak(2.7, 3), cents, jump });
    };
    for (const [name, program] of /** @type {[string, number][]} */ ([["piano", 0], ["bass", 33], ["flute", 73]])) {
      for (const pitch of [36, 57, 69, 81]) {
        await note(`${name} ${pitch}`, (context) => voices.sound(context, context.destination, program, pitch, 88, 0.1, 0.8), voices.frequencyOf(pitch));
        await note(
          `${name} ${pitch}, cut`,
          (context) => voices.sound(context, context.destination, program, pitch, 88, 0.1, 2.5).cut(0.5),
          0,
        );
      }
    }
    for (const key of [35, 38, 42, 46, 49, 51, 45, 76, 90]) {
      await note(`drum ${key}`, (context) => drums.strike(context, context.destination, key, 88, 0.1), 0);
    }
    return heard;
  });
  assert.equal(heard.length, 33);
  for (const sound of heard) {
    const what = JSON.stringify(sound);
    assert.ok(sound.peak > 0.03 && sound.peak < 1, what);
    assert.equal(sound.before, 0, what);
    assert.ok(sound.after < 0.005, what);
    assert.ok(Math.abs(sound.cents) <= 10, what);
    const isCut = sound.name.endsWith("cut");
    const whole = isCut ? heard.find(({ name }) => `${name}, cut` === sound.name) : undefined;
    if (whole) assert.ok(sound.jump <= 1.3 * whole.jump + 0.002, `${what}; not cut: ${whole.jump}`);
  }
  await context.close();
});

test("what takes over does so on the grid of steps", async () => {
  const { context, page } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.addInitScript(() => {
      const starts = (/** @type {any} */ (window).starts = /** @type {number[]} */ ([]));
      const { start } = OscillatorNode.prototype;
      OscillatorNode.prototype.start = function (when = 0) {
        // On a busy machine a note may be late and then starts immediately; all others are
        // scheduled ahead.
        if (when > this.context.currentTime + 0.001) starts.push(when);
        start.call(this, when);
      };
    });
  });
  await page.locator("#generate").click();
  await page.waitForFunction(() => document.studio.app.player.isPlaying);
  const told = await page.evaluate(async () => {
    const { app } = document.studio;
    const { starts } = /** @type {any} */ (window);
    for (let i = 0; i < 12; i++) {
      await new Promise((resolve) => setTimeout(resolve, 230));
      await app.swap(app.history.takes[i % 4]);
    }
    const step = 60 / app.player.qpm / app.model.steps_per_quarter;
    const onGrid = starts.filter((/** @type {number} */ when) => Math.abs((when - starts[0]) / step - Math.round((when - starts[0]) / step)) < 0.01);
    return { onGrid: onGrid.length, n: starts.length };
  });
  assert.ok(told.n > 5, JSON.stringify(told));
  assert.equal(told.onGrid, told.n);
  await context.close();
});

test("the notes go to a MIDI device, in time, and none is left on", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    // A device that records messages, because this machine has none.
    await page.addInitScript(() => {
      /** @type {{ bytes: number[], at: number }[]} */
      const sent = [];
      const port = { id: "one", name: "A synthesiser", send: (/** @type {number[]} */ bytes, /** @type {number} */ at) => sent.push({ bytes, at }) };
      Object.assign(window, { sent });
      Object.assign(navigator, { requestMIDIAccess: async () => ({ outputs: new Map([["one", port]]) }) });
    });
  });
  await page.locator("#sound").click();
  await page.getByRole("button", { name: "Find devices" }).click();
  await page.locator("#midi-port").selectOption({ label: "A synthesiser" });
  await page.locator("#inside").uncheck();
  await page.keyboard.press("Escape");
  await page.locator("#generate").click();
  await page.waitForFunction(() => document.studio.app.player.isPlaying && /** @type {{ bytes: number[] }[]} */ (/** @type {any} */ (window).sent).filter(({ bytes }) => bytes[0] === 0x90).length >= 3);
  await page.locator("#play").click();
  await page.waitForFunction(() => !document.studio.app.player.isPlaying);
  const { sent, notes, secondsPerStep, isSilent } = await page.evaluate(() => {
    const { app } = document.studio;
    const { notes = [], qpm = 120 } = app.history.current ?? {};
    return {
      sent: /** @type {{ bytes: number[], at: number }[]} */ (/** @type {any} */ (window).sent),
      notes: notes.map(({ pitch, start }) => ({ pitch, start })).sort((a, b) => a.start - b.start),
      secondsPerStep: 60 / qpm / app.model.steps_per_quarter,
      isSilent: !app.player.isAudible,
    };
  });
  assert.ok(isSilent, "the studio's own sound is off");
  const ons = sent.filter(({ bytes: [status] }) => status === 0x90);
  assert.deepEqual(ons.slice(0, 3).map(({ bytes }) => bytes[1]), notes.slice(0, 3).map(({ pitch }) => pitch));
  const between = (ons[1].at - ons[0].at) / 1000;
  const written = (notes[1].start - notes[0].start) * secondsPerStep;
  // The audio clock and the page's differ by a few milliseconds.
  assert.ok(Math.abs(between - written) < 0.03, `${between} s between two notes that are written ${written} s apart`);
  /** @type {Map<number, number>} */
  const last = new Map();
  const isNote = (/** @type {{ bytes: number[] }} */ { bytes: [status] }) => status === 0x90 || status === 0x80;
  for (const { bytes: [status, pitch] } of sent.filter(isNote).sort((a, b) => a.at - b.at || b.bytes[0] - a.bytes[0])) last.set(pitch, status);
  assert.ok([...last.values()].every((status) => status === 0x80), "every note is ended");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("nothing begins after Stop, and devices that follow get the clock", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.addInitScript(() => {
      // Simulates a device: a message with a future time is played at that time, and can't be taken
      // back.
      /** @type {{ bytes: number[], at: number }[]} */
      const sent = [];
      const send = (/** @type {number[]} */ bytes, at = performance.now()) => sent.push({ bytes, at: Math.max(at, performance.now()) });
      const port = { id: "one", name: "A synthesiser", send };
      Object.assign(window, { sent });
      Object.assign(navigator, { requestMIDIAccess: async () => ({ outputs: new Map([["one", port]]) }) });
    });
  });
  await page.locator("#sound").click();
  await page.getByRole("button", { name: "Find devices" }).click();
  await page.locator("#midi-port").selectOption({ label: "A synthesiser" });
  await page.locator("#midi-clock").check();
  await page.locator("#inside").uncheck();
  await page.keyboard.press("Escape");
  await page.locator("#generate").click();
  await page.waitForFunction(() => document.studio.app.player.isPlaying);
  const found = await page.evaluate(async () => {
    const { app } = document.studio;
    const sent = /** @type {{ bytes: number[], at: number }[]} */ (/** @type {any} */ (window).sent);
    // Sixteenths without a rest, so that a note follows soon after every moment.
    const notes = Array.from({ length: 32 }, (_, i) => ({ pitch: 60 + (i % 12), start: i, end: i + 1, voice: 0 }));
    const take = { ...app.history.takes[0], id: "test", notes, n_steps: 32, qpm: 240 };
    let late = 0;
    for (let i = 0; i < 40; i++) {
      await app.play(take);
      await new Promise((resolve) => setTimeout(resolve, 60 + 7 * i));
      app.player.stop();
      const stopped = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 30));
      late += sent.filter(({ bytes: [status], at }) => status === 0x90 && at > stopped).length;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    sent.length = 0;
    await app.play(take);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    app.player.stop();
    const kinds = sent.map(({ bytes: [status] }) => status);
    return { late, ons: kinds.filter((kind) => kind === 0x90).length, clocks: kinds.filter((kind) => kind === 0xf8).length, first: kinds.find((kind) => kind >= 0xf0), last: kinds[kinds.length - 1] };
  });
  assert.equal(found.late, 0, "no note begins after Stop");
  // Four quarter notes a second for 2 seconds, less the lead: 24 clocks and 4 notes each.
  assert.ok(found.ons > 20 && found.ons < 36, JSON.stringify(found));
  assert.ok(Math.abs(found.clocks / found.ons - 6) < 0.6, JSON.stringify(found));
  assert.deepEqual([found.first, found.last], [0xfa, 0xfc], "it starts and stops");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a keyboard is heard and recorded on the grid, and its clock leads", async () => {
  const { context, page, complaints } = await openStudio(studio.browser, studio.url, SIZES.desktop, async (page) => {
    await page.addInitScript(() => {
      const keyboard = Object.assign(new EventTarget(), { id: "keys", name: "A keyboard" });
      const play = (/** @type {number[]} */ data, /** @type {number} */ at) => {
        const event = new Event("midimessage");
        Object.defineProperties(event, { data: { value: Uint8Array.from(data) }, timeStamp: { value: at } });
        keyboard.dispatchEvent(event);
      };
      Object.assign(window, { play });
      Object.assign(navigator, { requestMIDIAccess: async () => ({ outputs: new Map(), inputs: new Map([["keys", keyboard]]) }) });
    });
  });
  await page.locator("#generate").click();
  await page.waitForFunction(() => document.studio.app.player.isPlaying);
  await page.locator("#sound").click();
  await page.getByRole("button", { name: "Find devices" }).click();
  await page.locator("#midi-in").selectOption({ label: "A keyboard" });
  await page.locator("#midi-record").check();
  await page.locator("#midi-follow").check();
  const recorded = await page.evaluate(async () => {
    const { app } = document.studio;
    const play = /** @type {(data: number[], at: number) => void} */ (/** @type {any} */ (window).play);
    const before = app.history.current?.notes.length ?? 0;
    // Two steps of 125 ms, the first in the middle of the piece.
    for (;;) {
      const step = app.player.heard?.step ?? 0;
      if (step > 8 && step < 9) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const step = app.player.heard?.step ?? 0;
    const now = performance.now();
    play([0x90, 90, 100], now);
    play([0x80, 90, 0], now + 250);
    const note = app.history.current?.notes.find(({ pitch }) => pitch === 90);
    return { n: (app.history.current?.notes.length ?? 0) - before, note, step };
  });
  assert.equal(recorded.n, 1);
  assert.ok(Math.abs((recorded.note?.start ?? -9) - recorded.step) <= 0.75, JSON.stringify(recorded));
  assert.equal((recorded.note?.end ?? 0) - (recorded.note?.start ?? 0), 2);
  const led = await page.evaluate(() => {
    const { player } = document.studio.app;
    const play = /** @type {(data: number[], at: number) => void} */ (/** @type {any} */ (window).play);
    // 90 quarter notes a minute, 24 clocks each.
    for (let i = 0; i <= 30; i++) play([0xf8], 1000 + (i * 60_000) / 90 / 24);
    const { qpm } = player;
    play([0xfc], 5000);
    return { qpm, isPlaying: player.isPlaying };
  });
  assert.ok(Math.abs(led.qpm - 90) < 0.2, JSON.stringify(led));
  assert.equal(led.isPlaying, false);
  await page.evaluate(() => /** @type {any} */ (window).play([0xfa], 6000));
  await page.waitForFunction(() => document.studio.app.player.isPlaying);
  assert.deepEqual(complaints, []);
  await context.close();
});
