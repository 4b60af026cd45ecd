// @ts-check
// Plays scores by Web Audio: notes are handed to the audio clock a little ahead of time, so that a busy page
// doesn't make them late.

import { strike } from "./drums.js";
import { sound } from "./voices.js";

/**
 * Start and end in seconds, pitch, velocity, program, instrument, and 1 for a drum.
 * @typedef {[number, number, number, number, number, number, number]} ScoreNote
 */

/**
 * @typedef {object} Score
 * @property {number} seconds where a loop goes back to the start
 * @property {ScoreNote[]} notes in the order of their starts
 * @property {[number, number][]} [beats] time of each beat, and 1 where a bar begins
 */

/** Seconds that notes are handed over ahead of time; more in a hidden page, whose timers run once a second. */
const AHEAD = 0.25;
const AHEAD_HIDDEN = 2.5;
/** Milliseconds from one look at the score to the next. */
const INTERVAL = 40;
/** Seconds before the first note. */
const LEAD = 0.06;
/** Seconds in which sound fades when it is stopped. */
const FADE = 0.03;
/** Seconds after the score's end in which the last notes die away. */
const TAIL = 0.6;

/**
 * Schedules one note.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {ScoreNote} note
 * @param {number} when in the context's seconds
 * @param {number} [skip] seconds of the note that are over already
 * @returns {AudioScheduledSourceNode[]}
 */
export function playNote(context, out, note, when, skip = 0) {
  const [start, end, pitch, velocity, program, , isDrum] = note;
  if (isDrum) return strike(context, out, pitch, velocity, when);
  return sound(context, out, program, pitch, velocity, when, end - start - skip);
}

/**
 * What sound goes through on its way out: a limiter, so that many notes don't clip.
 * @param {BaseAudioContext} context
 * @returns {GainNode} where voices connect; its gain is the volume
 */
export function output(context) {
  const volume = context.createGain();
  const limiter = context.createDynamicsCompressor();
  limiter.threshold.value = -12;
  limiter.ratio.value = 12;
  limiter.attack.value = 0.003;
  limiter.release.value = 0.15;
  volume.connect(limiter).connect(context.destination);
  return volume;
}

/**
 * Plays one score at a time.
 *
 * Events: `start`, and `stop` with `detail` `"ended"` (the music was over) or `"stopped"` (somebody wished it).
 */
export class Player extends EventTarget {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #volumeNode = null;
  /** @type {GainNode | null} */
  #bus = null;
  /** @type {Set<AudioScheduledSourceNode>} */
  #sources = new Set();
  /** @type {Score | null} */
  #score = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer = undefined;
  /** The next note to be handed over. */
  #next = 0;
  /** The context's time at which this pass of the score has its second 0. */
  #zero = 0;
  /** Whether the passes go on after this one. */
  #isLooping = false;
  /** Passes that are over, or handed over. */
  #nPasses = 0;
  /** Where the first pass began. */
  #from = 0;
  #volume = 0.8;
  /** Counts calls to play and stop, so that the later wins. */
  #turn = 0;

  /** The audio context, once something was played. */
  get context() {
    return this.#context;
  }

  /** What is playing. */
  get score() {
    return this.#score;
  }

  get isPlaying() {
    return this.#score !== null;
  }

  get loop() {
    return this.#isLooping;
  }

  set loop(value) {
    this.#isLooping = value;
  }

  get volume() {
    return this.#volume;
  }

  set volume(value) {
    this.#volume = Math.min(1, Math.max(0, value));
    if (this.#context && this.#volumeNode) {
      this.#volumeNode.gain.setTargetAtTime(this.#volume, this.#context.currentTime, 0.02);
    }
  }

  /** The second of the score that is heard now; 0 where nothing plays. */
  get position() {
    if (!this.#context || !this.#score) return 0;
    const { seconds } = this.#score;
    const heard = this.#context.currentTime - (this.#context.outputLatency || 0) - this.#zero;
    if (this.#nPasses === 0) return Math.min(Math.max(heard, this.#from), seconds);
    // A pass is handed over before the one before it is over.
    return Math.min(heard < 0 ? Math.max(0, heard + seconds) : heard, seconds);
  }

  /**
   * Plays a score from a second on; what played before is stopped. Browsers let a page sound only after a click
   * or a key, so the first call must come from one.
   * @param {Score} score
   * @param {{ from?: number }} [options]
   */
  async play(score, { from = 0 } = {}) {
    this.stop();
    const turn = ++this.#turn;
    this.#context ??= new AudioContext({ latencyHint: "interactive" });
    this.#volumeNode ??= output(this.#context);
    this.#volumeNode.gain.value = this.#volume;
    if (this.#context.state !== "running") await this.#context.resume();
    if (turn !== this.#turn) return;
    this.#bus = this.#context.createGain();
    this.#bus.connect(this.#volumeNode);
    const start = Math.min(Math.max(0, from), Math.max(0, score.seconds - 0.01));
    this.#score = score;
    this.#from = start;
    this.#nPasses = 0;
    this.#zero = this.#context.currentTime + LEAD - start;
    this.#next = 0;
    // What began before `start` and still sounds is heard for the rest of it.
    while (this.#next < score.notes.length && score.notes[this.#next][0] < start) {
      const note = score.notes[this.#next++];
      if (!note[6] && note[1] > start + 0.02) this.#hand(note, this.#zero + start, start - note[0]);
    }
    this.#look();
    this.#timer = setInterval(() => this.#look(), INTERVAL);
    this.dispatchEvent(new Event("start"));
  }

  /** Stops what plays. */
  stop() {
    this.#turn++;
    this.#end("stopped");
  }

  /** @param {"ended" | "stopped"} reason */
  #end(reason) {
    if (!this.#score || !this.#context || !this.#bus) return;
    clearInterval(this.#timer);
    this.#score = null;
    const now = this.#context.currentTime;
    const bus = this.#bus;
    bus.gain.setValueAtTime(1, now);
    bus.gain.linearRampToValueAtTime(0, now + FADE);
    for (const source of this.#sources) source.stop(now + FADE);
    this.#sources.clear();
    setTimeout(() => bus.disconnect(), 200);
    this.dispatchEvent(new CustomEvent("stop", { detail: reason }));
  }

  /**
   * @param {ScoreNote} note
   * @param {number} when
   * @param {number} [skip]
   */
  #hand(note, when, skip) {
    if (!this.#context || !this.#bus) return;
    for (const source of playNote(this.#context, this.#bus, note, when, skip)) {
      this.#sources.add(source);
      source.addEventListener("ended", () => this.#sources.delete(source));
    }
  }

  /** Hands over what is due. */
  #look() {
    const score = this.#score;
    if (!score || !this.#context) return;
    const ahead = document.hidden ? AHEAD_HIDDEN : AHEAD;
    const horizon = this.#context.currentTime + ahead;
    for (;;) {
      const note = score.notes[this.#next];
      if (note) {
        const when = this.#zero + note[0];
        if (when > horizon) return;
        this.#hand(note, Math.max(when, this.#context.currentTime));
        this.#next++;
      } else if (this.#isLooping && score.seconds > 0.1) {
        if (this.#zero + score.seconds > horizon) return;
        this.#zero += score.seconds;
        this.#nPasses++;
        this.#next = 0;
      } else {
        if (this.#context.currentTime > this.#zero + score.seconds + TAIL) this.#end("ended");
        return;
      }
    }
  }
}
