// @ts-check
// Plays one piece at a time, as a seamless loop. Notes are scheduled on the audio clock slightly
// ahead of time. Another piece takes over at the next step, without a gap and at the same position
// in the loop.

import { strike } from "./drums.js";
import { CLOCKS } from "./midi-out.js";
import { Output } from "./output.js";
import { sound } from "./voices.js";

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("./voices.js").Sounding} Sounding */
/** @typedef {{ notes: Note[], n_steps: number }} Score */

/**
 * Seconds by which notes are scheduled ahead; more in a hidden page, whose timers run once per
 * second.
 */
const AHEAD = 0.15;
const AHEAD_HIDDEN = 2.2;
/** Milliseconds between two scheduling runs. */
const INTERVAL = 25;
/** Seconds before the first note. */
const LEAD = 0.05;
/** The program of the voices that a mix adds, to distinguish them from the tune: a flute. */
const SECOND = 73;
/** Default velocity of notes. */
const VELOCITY = 88;
/** Seconds after the end for the last notes to decay. */
const TAIL = 0.8;

/**
 * A section of playback: from step `at` on, `score` plays with its step 0 at `zero`. Both are
 * counted from the start of playback, over all passes.
 * @typedef {{ at: number, zero: number, score: Score }} Stretch
 */

/** Events: `start`, `swap` (another piece took over), `stop`, `pass` (the loop starts again). */
export class Player extends EventTarget {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Output | null} */
  #output = null;
  /** @type {Score | null} */
  #score = null;
  /** @type {Set<Sounding>} */
  #sounding = new Set();
  /** @type {Stretch[]} */
  #stretches = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer = undefined;
  /** Index of the next note to schedule. */
  #next = 0;
  /** Step, over all passes, at which the current pass began. */
  #zero = 0;
  /** Number of the next message of MIDI clock, from step 0 of the first pass. */
  #nextClock = 0;
  /** Notes before this step, over all passes, are scheduled. */
  #scheduledUntil = 0;
  /** Time of the audio context at step `#anchorStep`. */
  #anchorTime = 0;
  #anchorStep = 0;
  #qpm = 120;
  #volume = 0.8;
  #callId = 0;
  loop = true;
  /** Whether the built-in sound is on; off to use MIDI out only. */
  isAudible = true;
  stepsPerQuarter = 4;
  /**
   * The parts of the model: which are drums, and which are basses.
   * @type {import("../types.js").Voice[]}
   */
  voices = [];
  /** @type {import("./midi-out.js").MidiOut | null} */
  midiOut = null;

  get context() {
    return this.#context;
  }

  get output() {
    return this.#output;
  }

  /** The score that is playing, as it was passed in. */
  get score() {
    return this.#score && this.#stretches[this.#stretches.length - 1].score;
  }

  get isPlaying() {
    return this.#score !== null;
  }

  get volume() {
    return this.#volume;
  }

  set volume(value) {
    this.#volume = Math.min(1, Math.max(0, value));
    // Perceived loudness is a power of the gain.
    if (this.#output && this.#context) {
      this.#output.volume.gain.setTargetAtTime(this.#volume ** 2, this.#context.currentTime, 0.02);
    }
  }

  get qpm() {
    return this.#qpm;
  }

  set qpm(value) {
    if (this.#context && this.#score) {
      const now = this.#context.currentTime;
      this.#anchorStep = this.#stepAt(now);
      this.#anchorTime = now;
    }
    this.#qpm = Math.min(400, Math.max(20, value));
  }

  get #secondsPerStep() {
    return 60 / this.#qpm / this.stepsPerQuarter;
  }

  get #clocksPerStep() {
    return CLOCKS / this.stepsPerQuarter;
  }

  /** @param {number} time */
  #stepAt(time) {
    return this.#anchorStep + (time - this.#anchorTime) / this.#secondsPerStep;
  }

  /** @param {number} step */
  #timeOf(step) {
    return this.#anchorTime + (step - this.#anchorStep) * this.#secondsPerStep;
  }

  /** The score and the step that are audible now; `null` if nothing is playing. */
  get heard() {
    if (!this.#context || !this.#score) return null;
    const step = this.#stepAt(this.#context.currentTime - (this.#context.outputLatency || 0));
    while (this.#stretches.length > 1 && this.#stretches[1].at <= step) this.#stretches.shift();
    const { zero, score } = this.#stretches[0];
    return { score, step: Math.min(Math.max(0, step - zero), score.n_steps) };
  }

  /** Creates the audio context; browsers let it run only after a user gesture. */
  async wake() {
    if (!this.#context || !this.#output) {
      this.#context = new AudioContext({ latencyHint: "interactive" });
      this.#output = new Output(this.#context);
      this.#output.volume.gain.value = this.#volume ** 2;
    }
    if (this.#context.state !== "running") await this.#context.resume();
    return { context: this.#context, output: this.#output };
  }

  /**
   * Plays a score from a step, stopping anything else.
   * @param {Score} score
   * @param {number} [from]
   */
  async play(score, from = 0) {
    this.#silence();
    const callId = ++this.#callId;
    const { context } = await this.wake();
    if (callId !== this.#callId) return;
    const start = from < score.n_steps ? Math.max(0, Math.floor(from)) : 0;
    this.#anchorStep = start;
    this.#anchorTime = context.currentTime + LEAD;
    this.#stretches = [];
    this.#scheduledUntil = start;
    this.#nextClock = Math.ceil(start * this.#clocksPerStep);
    this.midiOut?.start(LEAD, (4 * start) / this.stepsPerQuarter);
    this.#enter(score, start, 0);
    this.#scheduleDue();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#scheduleDue(), INTERVAL);
    this.dispatchEvent(new Event("start"));
  }

  /**
   * Lets another score take over at the next step, at the same position in the loop; starts
   * playback if nothing is playing.
   * @param {Score} score
   */
  async swap(score) {
    if (!this.#context || !this.#score) {
      await this.play(score);
      return;
    }
    const at = Math.ceil(
      Math.max(this.#scheduledUntil, this.#stepAt(this.#context.currentTime)) - 1e-6,
    );
    const phase = (at - this.#zero) % Math.max(1, score.n_steps);
    for (const sounding of this.#sounding) sounding.cut(this.#timeOf(at));
    this.midiOut?.silence(this.#timeOf(at) - this.#context.currentTime);
    this.#scheduledUntil = at;
    this.#enter(score, at, at - phase);
    this.dispatchEvent(new Event("swap"));
  }

  /**
   * Continues at another step of the same score.
   * @param {number} step
   */
  async seek(step) {
    if (this.score) await this.play(this.score, step);
  }

  stop() {
    this.#callId++;
    if (!this.#score) return;
    this.#silence();
    this.dispatchEvent(new Event("stop"));
  }

  /**
   * Plays a single note immediately, for the editor.
   * @param {number} pitch
   */
  async touch(pitch) {
    const { context } = await this.wake();
    this.#sound({ pitch, start: 0, end: 1, voice: 0 }, context.currentTime + 0.01, 0.25);
  }

  #silence() {
    clearInterval(this.#timer);
    const now = this.#context?.currentTime ?? 0;
    for (const sounding of this.#sounding) sounding.cut(now);
    this.#sounding.clear();
    this.midiOut?.stop();
    this.#score = null;
  }

  /**
   * @param {Score} score
   * @param {number} at step, over all passes, from which it is audible
   * @param {number} zero step, over all passes, of its step 0
   */
  #enter(score, at, zero) {
    this.#score = {
      n_steps: score.n_steps,
      notes: [...score.notes].sort((a, b) => a.start - b.start),
    };
    this.#zero = zero;
    this.#stretches.push({ at, zero, score });
    const phase = at - zero;
    this.#next = this.#score.notes.findIndex((note) => note.start >= phase);
    if (this.#next < 0) this.#next = this.#score.notes.length;
    // Notes that would already be sounding start now, so that there is no gap.
    for (const note of this.#score.notes.slice(0, this.#next)) {
      if (note.end > phase && !this.#partOf(note).drums) this.#schedule({ ...note, start: phase });
    }
  }

  /**
   * The program of a note's part, or that of the piece.
   * @param {Note} note
   */
  programOf(note) {
    const score = /** @type {Partial<import("../types.js").Take> | null} */ (this.score);
    return score?.program ?? this.#partOf(note).program;
  }

  /** The velocity of the piece. */
  get #velocity() {
    const score = /** @type {Partial<import("../types.js").Take> | null} */ (this.score);
    return score?.velocity ?? VELOCITY;
  }

  /**
   * Whether a note is of a drum part, where pitches are keys of drums.
   * @param {Note} note
   */
  isDrum(note) {
    return this.#partOf(note).drums;
  }

  /** @param {Note} note */
  #partOf({ voice }) {
    return this.voices[voice % Math.max(1, this.voices.length)] ?? { drums: false, program: 0 };
  }

  /** @param {Note} note */
  #schedule(note) {
    const when = this.#timeOf(this.#zero + note.start);
    this.#sound(note, when, (note.end - note.start) * this.#secondsPerStep);
  }

  /**
   * @param {Note} note
   * @param {number} when
   * @param {number} seconds
   */
  #sound(note, when, seconds) {
    if (!this.#context || !this.#output) return;
    const time = Math.max(when, this.#context.currentTime);
    const { drums } = this.#partOf(note);
    this.midiOut?.note(note, time - this.#context.currentTime, seconds, drums);
    if (!this.isAudible) return;
    const isSecond = note.voice >= Math.max(1, this.voices.length);
    const sounding = drums
      ? strike(this.#context, this.#output.bus, note.pitch, this.#velocity, time)
      : sound(
        this.#context,
        this.#output.bus,
        isSecond ? SECOND : this.programOf(note),
        note.pitch,
        this.#velocity,
        time,
        seconds * 0.98,
      );
    this.#sounding.add(sounding);
  }

  /** Schedules all notes that are due. */
  #scheduleDue() {
    if (!this.#context) return;
    const now = this.#context.currentTime;
    for (const sounding of this.#sounding) if (sounding.end < now) this.#sounding.delete(sounding);
    const horizon = this.#stepAt(now + (document.hidden ? AHEAD_HIDDEN : AHEAD));
    for (; this.#nextClock < horizon * this.#clocksPerStep; this.#nextClock++) {
      this.midiOut?.clock(this.#timeOf(this.#nextClock / this.#clocksPerStep) - now);
    }
    while (this.#score) {
      const score = this.#score;
      const note = score.notes[this.#next];
      if (note && note.start < score.n_steps) {
        if (this.#zero + note.start >= horizon) break;
        this.#schedule(note);
        this.#next++;
        continue;
      }
      const end = this.#zero + score.n_steps;
      if (this.loop && score.n_steps > 0) {
        if (end >= horizon) break;
        this.#zero = end;
        this.#next = 0;
        this.#stretches.push({
          at: end, zero: end, score: this.#stretches[this.#stretches.length - 1].score,
        });
        this.dispatchEvent(new Event("pass"));
      } else {
        if (now > this.#timeOf(end) + TAIL) this.stop();
        break;
      }
    }
    this.#scheduledUntil = Math.max(this.#scheduledUntil, horizon);
  }
}
