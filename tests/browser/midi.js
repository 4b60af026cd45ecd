// @ts-check
// Writes small MIDI files for tests to drop, and reads those that pages export.

import { Buffer } from "node:buffer";

/** @typedef {{ pitch: number, start: number, end: number }} Note in quarter notes */

const TICKS = 480;

/**
 * A number in MIDI's variable length.
 * @param {number} value
 */
function variable(value) {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

/**
 * @param {string} name
 * @param {number[]} bytes
 */
function chunk(name, bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([Buffer.from(name, "latin1"), length, Buffer.from(bytes)]);
}

/**
 * Writes a file of one track, or of several.
 * @param {Note[]} notes
 * @param {number} [qpm]
 * @param {Note[][]} [others] notes of further tracks
 */
export function writeMidi(notes, qpm = 120, others = []) {
  const micros = Math.round(60e6 / qpm);
  const tempo = [0, 0xff, 0x51, 3, (micros >> 16) & 0xff, (micros >> 8) & 0xff, micros & 0xff];
  const tracks = [notes, ...others].map((notes, i) => chunk("MTrk", track(notes, i, i ? [] : tempo)));
  const head = chunk("MThd", [0, 1, 0, tracks.length, TICKS >> 8, TICKS & 0xff]);
  return Buffer.concat([head, ...tracks]);
}

/**
 * @param {Note[]} notes
 * @param {number} channel
 * @param {number[]} head events before the notes
 */
function track(notes, channel, head) {
  const events = notes.flatMap(({ pitch, start, end }) => [
    { tick: Math.round(start * TICKS), isOn: 1, pitch },
    { tick: Math.round(end * TICKS), isOn: 0, pitch },
  ]);
  events.sort((a, b) => a.tick - b.tick || a.isOn - b.isOn);
  const bytes = [...head];
  let now = 0;
  for (const { tick, isOn, pitch } of events) {
    bytes.push(...variable(tick - now), (isOn ? 0x90 : 0x80) | channel, pitch, isOn ? 90 : 0);
    now = tick;
  }
  return [...bytes, 0, 0xff, 0x2f, 0];
}

/**
 * Reads notes and tempo; enough for files without system-exclusive messages.
 * @param {Buffer} file
 */
export function readMidi(file) {
  if (file.subarray(0, 4).toString("latin1") !== "MThd") throw new Error("no MIDI file");
  const ticks = file.readUInt16BE(12);
  /** @type {Note[]} */
  const notes = [];
  let qpm = 120;
  for (let at = 8 + file.readUInt32BE(4); at < file.length; ) {
    const end = at + 8 + file.readUInt32BE(at + 4);
    at += 8;
    const number = () => {
      let value = 0;
      for (;;) {
        const byte = file[at++];
        value = (value << 7) | (byte & 0x7f);
        if (byte < 0x80) return value;
      }
    };
    /** @type {Map<number, number>} */
    const open = new Map();
    let [now, status] = [0, 0];
    while (at < end) {
      now += number();
      if (file[at] >= 0x80) status = file[at++];
      if (status === 0xff) {
        const kind = file[at++];
        const length = number();
        if (kind === 0x51) qpm = 60e6 / file.readUIntBE(at, 3);
        at += length;
        continue;
      }
      const kind = status & 0xf0;
      const [pitch, velocity] = [file[at], file[at + 1]];
      at += kind === 0xc0 || kind === 0xd0 ? 1 : 2;
      const key = ((status & 0x0f) << 7) | pitch;
      const start = open.get(key);
      if ((kind === 0x80 || kind === 0x90) && start !== undefined) {
        notes.push({ pitch, start: start / ticks, end: now / ticks });
        open.delete(key);
      }
      if (kind === 0x90 && velocity > 0) open.set(key, now);
    }
    at = end;
  }
  return { qpm, notes: notes.sort((a, b) => a.start - b.start || a.pitch - b.pitch) };
}

/**
 * A tune of eight bars over the C major scale, different for each seed.
 * @param {number} seed
 * @returns {Note[]}
 */
export function tune(seed) {
  const scale = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76];
  let state = seed * 2654435761 + 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  /** @type {Note[]} */
  const notes = [];
  for (let [at, degree] = [0, 4]; at < 32; ) {
    const length = at % 1 === 0 ? [0.5, 1, 1, 2][Math.floor(random() * 4)] : 0.5;
    degree = Math.min(scale.length - 1, Math.max(0, degree + Math.round(random() * 4 - 2)));
    notes.push({ pitch: scale[degree], start: at, end: Math.min(32, at + length) });
    at += length;
  }
  return notes;
}
