// @ts-check
// Plays scores with Web Audio. Notes are scheduled on the audio clock slightly ahead of time, so
// that a busy page doesn't delay them.

import { strike } from "./drums.js";
import { sound } from "./voices.js";

/**
 * Start and end in seconds, pitch, velocity, program, instrument, and 1 for a drum.
 * @typedef {[number, number, number, number, number, number, number]} ScoreNote
 */

/**
 * @typedef {object} Score
 * @property {number} seconds the end of the loop
 * @property {ScoreNote[]} notes sorted by start
 * @property {[number, number][]} [beats] time of each beat, and 1 if it begins a bar
 */

/**
 * Seconds by which notes are scheduled ahead; more in a hidden page, whose timers run once per
 * second.
 */
const AHEAD = 0.25;
const AHEAD_HIDDEN = 2.5;
/** Milliseconds between two scheduling runs. */
const INTERVAL = 40;
/** Seconds before the first note. */
const LEAD = 0.06;
/** Duration of the fade-out on stop, in seconds. */
const FADE = 0.03;
/** Seconds after the end of the score for the last notes to decay. */
const TAIL = 0.6;

/**
 * Schedules one note.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {ScoreNote} note
 * @param {number} when time of the audio context, in seconds
 * @param {number} [skip] seconds of the note that have already passed
 * @returns {import("./voices.js").Sounding}
 */
export function playNote(context, out, note, when, skip = 0) {
  const [start, end, pitch, velocity, program, , isDrum] = note;
  if (isDrum) return strike(context, out, pitch, velocity, when);
  return sound(context, out, program, pitch, velocity, when, end - start - skip);
}

/**
 * The output chain: a volume control and a limiter, so that many notes don't clip.
 * @param {BaseAudioContext} context
 * @returns {GainNode} the node to which voices connect; its gain is the volume
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
 * Events: `start`, and `stop` with `detail` `"ended"` (end of the music) or `"stopped"` (stopped by
 * the user).
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
  /** Index of the next note to schedule. */
  #next = 0;
  /** Time of the audio context at second 0 of the current pass. */
  #zero = 0;
  /** Whether to repeat the score. */
  #isLooping = false;
  /** Number of passes completed, including one that is fully scheduled. */
  #nPasses = 0;
  /** Start of the first pass. */
  #from = 0;
  #volume = 0.8;
  /** Counts calls to `play` and `stop`, so that the latest one wins. */
  #callId = 0;

  /** The audio context; `null` before anything was played. */
  get context() {
    return this.#context;
  }

  /** The score that is playing. */
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

  /** The current position in the score, in seconds; 0 if nothing is playing. */
  get position() {
    if (!this.#context || !this.#score) return 0;
    const { seconds } = this.#score;
    const heard = this.#context.currentTime - (this.#context.outputLatency || 0) - this.#zero;
    if (this.#nPasses === 0) return Math.min(Math.max(heard, this.#from), seconds);
    // A pass is scheduled before the previous one has ended.
    return Math.min(heard < 0 ? Math.max(0, heard + seconds) : heard, seconds);
  }

  /**
   * Plays a score from a position, stopping anything else. Browsers allow sound only after a user
   * gesture, so the first call must come from a click or key handler.
   * @param {Score} score
   * @param {{ from?: number }} [options]
   */
  async play(score, { from = 0 } = {}) {
    this.stop();
    const callId = ++this.#callId;
    this.#context ??= new AudioContext({ latencyHint: "interactive" });
    this.#volumeNode ??= output(this.#context);
    this.#volumeNode.gain.value = this.#volume;
    if (this.#context.state !== "running") await this.#context.resume();
    if (callId !== this.#callId) return;
    this.#bus = this.#context.createGain();
    this.#bus.connect(this.#volumeNode);
    const start = Math.min(Math.max(0, from), Math.max(0, score.seconds - 0.01));
    this.#score = score;
    this.#from = start;
    this.#nPasses = 0;
    this.#zero = this.#context.currentTime + LEAD - start;
    this.#next = 0;
    // Notes that started before `start` and still sound are played for the rest of their duration.
    while (this.#next < score.notes.length && score.notes[this.#next][0] < start) {
      const note = score.notes[this.#next++];
      if (!note[6] && note[1] > start + 0.02) {
        this.#schedule(note, this.#zero + start, start - note[0]);
      }
    }
    this.#scheduleDue();
    this.#timer = setInterval(() => this.#scheduleDue(), INTERVAL);
    this.dispatchEvent(new Event("start"));
  }

  /** Stops playback. */
  stop() {
    this.#callId++;
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
  #schedule(note, when, skip) {
    if (!this.#context || !this.#bus) return;
    for (const source of playNote(this.#context, this.#bus, note, when, skip).sources) {
      this.#sources.add(source);
      source.addEventListener("ended", () => this.#sources.delete(source));
    }
  }

  /** Schedules all notes that are due. */
  #scheduleDue() {
    const score = this.#score;
    if (!score || !this.#context) return;
    const ahead = document.hidden ? AHEAD_HIDDEN : AHEAD;
    const horizon = this.#context.currentTime + ahead;
    for (;;) {
      const note = score.notes[this.#next];
      if (note) {
        const when = this.#zero + note[0];
        if (when > horizon) return;
        this.#schedule(note, Math.max(when, this.#context.currentTime));
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
