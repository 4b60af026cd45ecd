// @ts-check
// The voices of the studio, synthesized: a soft piano for the melody, a pipe for a second voice, a
// round bass.

/**
 * @typedef {object} Timbre
 * @property {number[]} partials amplitudes of the fundamental and its overtones
 * @property {number} attack seconds until near the peak
 * @property {number} decay time constant of the decay to `sustain`, in seconds
 * @property {number} sustain level while the key is held, 0 to 1
 * @property {number} release seconds of decay after the key is released
 * @property {number} bright initial cutoff of the filter, as a multiple of the fundamental
 * @property {number} dark final cutoff of the filter
 * @property {number} detune detuning between two oscillators in cents
 * @property {number} knock loudness of the hammer noise, at six times the fundamental
 * @property {number} level
 */

/**
 * A sounding note, and a way to end it early.
 * @typedef {object} Sounding
 * @property {number} end time of the audio context at which it is over
 * @property {(at: number) => void} cut
 */

/** @type {Record<"melody" | "second" | "bass", Timbre>} */
export const TIMBRES = {
  melody: {
    partials: [1, 0.42, 0.2, 0.13, 0.07, 0.045, 0.03, 0.02, 0.012], attack: 0.004, decay: 0.75,
    sustain: 0.12, release: 0.28, bright: 8, dark: 2.4, detune: 3, knock: 0.1, level: 0.7,
  },
  second: {
    partials: [1, 0.1, 0.32, 0.04, 0.12, 0.02, 0.04], attack: 0.03, decay: 0.5, sustain: 0.7,
    release: 0.16, bright: 5, dark: 4, detune: 5, knock: 0, level: 0.45,
  },
  bass: {
    partials: [1, 0.6, 0.3, 0.16, 0.08, 0.04], attack: 0.006, decay: 0.9, sustain: 0.25,
    release: 0.14, bright: 6, dark: 2.2, detune: 2, knock: 0.05, level: 0.9,
  },
};

/** Number of time constants after which a sound is inaudible. */
const SILENT = 7;

/** @type {WeakMap<BaseAudioContext, Map<Timbre, PeriodicWave>>} */
const WAVES = new WeakMap();

/**
 * @param {BaseAudioContext} context
 * @param {Timbre} timbre
 */
function waveOf(context, timbre) {
  const waves = WAVES.get(context) ?? new Map();
  WAVES.set(context, waves);
  const wave = waves.get(timbre) ?? context.createPeriodicWave(
    new Float32Array(timbre.partials.length + 1),
    Float32Array.from([0, ...timbre.partials]),
  );
  waves.set(timbre, wave);
  return wave;
}

/**
 * Frequency of a key in hertz; key 69 is 440 Hz.
 * @param {number} pitch
 */
export function frequencyOf(pitch) {
  return 440 * 2 ** ((pitch - 69) / 12);
}

/**
 * Plays a key. Every curve approaches its target from its current value, so a note can be cut at
 * any moment without a click.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {Timbre} timbre
 * @param {number} pitch
 * @param {number} when time of the audio context, in seconds
 * @param {number} duration seconds
 * @param {number} [loudness] 0 to 1
 * @returns {Sounding}
 */
export function sound(context, out, timbre, pitch, when, duration, loudness = 0.8) {
  const frequency = frequencyOf(pitch);
  const end = when + Math.max(0.04, duration);
  // Low notes decay more slowly than high ones; high notes are perceived as louder.
  const decay = timbre.decay * Math.min(1.8, Math.max(0.45, 2 ** ((64 - pitch) / 28)));
  // Half for each of the two oscillators.
  const level = 0.5 * timbre.level * loudness * Math.min(
    1.15,
    Math.max(0.6, 2 ** ((66 - pitch) / 60)),
  );
  const fade = timbre.release / SILENT;

  const envelope = context.createGain();
  envelope.gain.setValueAtTime(0, when);
  envelope.gain.setTargetAtTime(level, when, timbre.attack / 3);
  envelope.gain.setTargetAtTime(level * timbre.sustain, when + timbre.attack, decay);
  envelope.gain.setTargetAtTime(0, end, fade);
  const filter = context.createBiquadFilter();
  filter.type = "lowpass";
  filter.Q.value = 0.4;
  const highest = context.sampleRate * 0.42;
  filter.frequency.setValueAtTime(Math.min(highest, frequency * timbre.bright), when);
  filter.frequency.setTargetAtTime(
    Math.min(highest, frequency * timbre.dark),
    when + timbre.attack,
    decay / 2,
  );
  filter.connect(envelope).connect(out);

  /** @type {OscillatorNode[]} */
  const oscillators = [];
  for (const detune of [-timbre.detune / 2, timbre.detune / 2]) {
    const oscillator = context.createOscillator();
    oscillator.setPeriodicWave(waveOf(context, timbre));
    oscillator.frequency.value = frequency;
    oscillator.detune.value = detune;
    oscillator.connect(filter);
    oscillators.push(oscillator);
  }
  if (timbre.knock) {
    const knock = context.createOscillator();
    const gain = context.createGain();
    knock.frequency.value = Math.min(highest, frequency * 6);
    gain.gain.setValueAtTime(timbre.knock, when);
    gain.gain.setTargetAtTime(0, when, 0.015);
    knock.connect(gain).connect(envelope);
    oscillators.push(knock);
  }
  for (const oscillator of oscillators) {
    oscillator.start(when);
    oscillator.stop(end + timbre.release);
  }
  oscillators[0].addEventListener("ended", () => envelope.disconnect());
  return {
    end,
    cut(at) {
      if (at >= end) return;
      // Cancels what is scheduled after `at`; before it, the curve stays as scheduled.
      envelope.gain.cancelScheduledValues(at);
      envelope.gain.setTargetAtTime(0, at, 0.012);
      for (const oscillator of oscillators) oscillator.stop(at + 0.012 * SILENT);
    },
  };
}
