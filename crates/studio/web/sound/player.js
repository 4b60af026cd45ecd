// @ts-check
// Plays one piece at a time, looped in time. Notes are handed to the audio clock a little ahead; another piece
// takes over at the next step, without a gap and at the same place of the loop.

import { strike } from "./drums.js";
import { Output } from "./output.js";
import { TIMBRES, sound } from "./voices.js";

/** @typedef {import("../types.js").Note} Note */
/** @typedef {import("./voices.js").Sounding} Sounding */
/** @typedef {{ notes: Note[], n_steps: number }} Score */

/** Seconds that notes are handed over ahead of time; more in a hidden page, whose timers run once a second. */
const AHEAD = 0.15;
const AHEAD_HIDDEN = 2.2;
/** Milliseconds from one look at the score to the next. */
const INTERVAL = 25;
/** Seconds before the first note. */
const LEAD = 0.05;
/** Families of General MIDI's programs, of eight each, that are basses; keys below `LOW` sound as one, too. */
const BASSES = [4];
const LOW = 44;
/** Seconds after the end in which the last notes die away. */
const TAIL = 0.8;

/**
 * A stretch of playing: from the step `at` on (steps since playing began, over all passes) the score's step 0
 * was at `zero`.
 * @typedef {{ at: number, zero: number, score: Score }} Stretch
 */

/** Events: `start`, `swap` (another piece took over), `stop`, `pass` (a loop begins anew). */
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
  /** The next note of the score to be handed over. */
  #next = 0;
  /** The step, over all passes, where the score's pass began. */
  #zero = 0;
  /** Steps before this one, over all passes, are handed over. */
  #handed = 0;
  /** The context's time at the step `#anchorStep`. */
  #anchorTime = 0;
  #anchorStep = 0;
  #qpm = 120;
  #volume = 0.8;
  #turn = 0;
  loop = true;
  /** The program's own sound; off where only MIDI out is wanted. */
  isAudible = true;
  stepsPerQuarter = 4;
  /** The model's parts: which are drums, and which basses. @type {import("../types.js").Voice[]} */
  voices = [];
  /** @type {import("./midi-out.js").MidiOut | null} */
  midiOut = null;

  get context() {
    return this.#context;
  }

  get output() {
    return this.#output;
  }

  /** What plays, as it was given. */
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
    // Loudness is heard as a power of the gain.
    if (this.#output && this.#context) this.#output.volume.gain.setTargetAtTime(this.#volume ** 2, this.#context.currentTime, 0.02);
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

  /** @param {number} time */
  #stepAt(time) {
    return this.#anchorStep + (time - this.#anchorTime) / this.#secondsPerStep;
  }

  /** @param {number} step */
  #timeOf(step) {
    return this.#anchorTime + (step - this.#anchorStep) * this.#secondsPerStep;
  }

  /** What is heard now, and its step; `null` where nothing plays. */
  get heard() {
    if (!this.#context || !this.#score) return null;
    const step = this.#stepAt(this.#context.currentTime - (this.#context.outputLatency || 0));
    while (this.#stretches.length > 1 && this.#stretches[1].at <= step) this.#stretches.shift();
    const { zero, score } = this.#stretches[0];
    return { score, step: Math.min(Math.max(0, step - zero), score.n_steps) };
  }

  /** Makes the audio context; browsers let it run only after a click or a key. */
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
   * Plays a score from a step on; what played before is stopped.
   * @param {Score} score
   * @param {number} [from]
   */
  async play(score, from = 0) {
    this.#silence();
    const turn = ++this.#turn;
    const { context } = await this.wake();
    if (turn !== this.#turn) return;
    const start = from < score.n_steps ? Math.max(0, Math.floor(from)) : 0;
    this.#anchorStep = start;
    this.#anchorTime = context.currentTime + LEAD;
    this.#stretches = [];
    this.#handed = start;
    this.#enter(score, start, 0);
    this.#look();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), INTERVAL);
    this.dispatchEvent(new Event("start"));
  }

  /**
   * Lets another score take over at the next step, at the same place of the loop; begins where nothing plays.
   * @param {Score} score
   */
  async swap(score) {
    if (!this.#context || !this.#score) {
      await this.play(score);
      return;
    }
    const at = Math.ceil(Math.max(this.#handed, this.#stepAt(this.#context.currentTime)) - 1e-6);
    const phase = (at - this.#zero) % Math.max(1, score.n_steps);
    for (const sounding of this.#sounding) sounding.cut(this.#timeOf(at));
    this.midiOut?.silence(this.#timeOf(at) - this.#context.currentTime);
    this.#handed = at;
    this.#enter(score, at, at - phase);
    this.dispatchEvent(new Event("swap"));
  }

  /**
   * Goes on at another step of the same score.
   * @param {number} step
   */
  async seek(step) {
    if (this.score) await this.play(this.score, step);
  }

  stop() {
    this.#turn++;
    if (!this.#score) return;
    this.#silence();
    this.dispatchEvent(new Event("stop"));
  }

  /**
   * Sounds one note at once, as an editor does.
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
    this.midiOut?.silence(0);
    this.#score = null;
  }

  /**
   * @param {Score} score
   * @param {number} at step over all passes from which it is heard
   * @param {number} zero step over all passes where its step 0 is, or would have been
   */
  #enter(score, at, zero) {
    this.#score = { n_steps: score.n_steps, notes: [...score.notes].sort((a, b) => a.start - b.start) };
    this.#zero = zero;
    this.#stretches.push({ at, zero, score });
    const phase = at - zero;
    this.#next = this.#score.notes.findIndex((note) => note.start >= phase);
    if (this.#next < 0) this.#next = this.#score.notes.length;
    // What would sound already is struck now, so that no hole is heard.
    for (const note of this.#score.notes.slice(0, this.#next)) {
      if (note.end > phase && !this.#partOf(note).drums) this.#hand({ ...note, start: phase });
    }
  }

  /** @param {Note} note */
  #partOf({ voice }) {
    return this.voices[voice % Math.max(1, this.voices.length)] ?? { drums: false, program: 0 };
  }

  /** @param {Note} note */
  #hand(note) {
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
    const { drums, program } = this.#partOf(note);
    this.midiOut?.note(note, time - this.#context.currentTime, seconds, drums);
    if (!this.isAudible) return;
    const isSecond = note.voice >= Math.max(1, this.voices.length);
    const isBass = BASSES.includes(Math.floor(program / 8)) || note.pitch < LOW;
    const timbre = isSecond ? TIMBRES.second : isBass ? TIMBRES.bass : TIMBRES.melody;
    const sounding = drums
      ? strike(this.#context, this.#output.bus, note.pitch, time)
      : sound(this.#context, this.#output.bus, timbre, note.pitch, time, seconds * 0.98);
    this.#sounding.add(sounding);
  }

  /** Hands over what is due. */
  #look() {
    if (!this.#context) return;
    const now = this.#context.currentTime;
    for (const sounding of this.#sounding) if (sounding.end < now) this.#sounding.delete(sounding);
    const horizon = this.#stepAt(now + (document.hidden ? AHEAD_HIDDEN : AHEAD));
    while (this.#score) {
      const score = this.#score;
      const note = score.notes[this.#next];
      if (note && note.start < score.n_steps) {
        if (this.#zero + note.start >= horizon) break;
        this.#hand(note);
        this.#next++;
        continue;
      }
      const end = this.#zero + score.n_steps;
      if (this.loop && score.n_steps > 0) {
        if (end >= horizon) break;
        this.#zero = end;
        this.#next = 0;
        this.#stretches.push({ at: end, zero: end, score: this.#stretches[this.#stretches.length - 1].score });
        this.dispatchEvent(new Event("pass"));
      } else {
        if (now > this.#timeOf(end) + TAIL) this.stop();
        break;
      }
    }
    this.#handed = Math.max(this.#handed, horizon);
  }
}
