// @ts-check
// The drums of General MIDI, synthesized from falling tones and filtered noise.

/**
 * @typedef {object} Drum
 * @property {number} [tone] initial frequency of the tone in hertz
 * @property {number} [fall] final frequency of the tone, as a fraction of the initial one
 * @property {number} [toneLength] decay time of the tone in seconds
 * @property {number} [noise] loudness of the noise relative to the tone
 * @property {number} [noiseLength] decay time of the noise in seconds
 * @property {BiquadFilterType} [filter] filter of the noise
 * @property {number} [cutoff] frequency of the filter in hertz
 * @property {number} [level] overall loudness
 */

/** @type {Drum} */
const SIDE_STICK = {
  tone: 1700, fall: 0.9, toneLength: 0.03, noise: 0.5, noiseLength: 0.03, filter: "bandpass",
  cutoff: 2500, level: 0.5,
};
/** @type {Drum} */
const KICK = {
  tone: 150, fall: 0.3, toneLength: 0.28, noise: 0.15, noiseLength: 0.02, filter: "lowpass",
  cutoff: 3000, level: 1,
};
/** @type {Drum} */
const SNARE = {
  tone: 220, fall: 0.75, toneLength: 0.1, noise: 0.8, noiseLength: 0.18, filter: "highpass",
  cutoff: 1500, level: 0.6,
};
/** @type {Drum} */
const CLAP = { noise: 1, noiseLength: 0.15, filter: "bandpass", cutoff: 1400, level: 0.7 };
/** @type {Drum} */
const CLOSED_HAT = { noise: 1, noiseLength: 0.05, filter: "highpass", cutoff: 8000, level: 0.3 };
/** @type {Drum} */
const OPEN_HAT = { noise: 1, noiseLength: 0.4, filter: "highpass", cutoff: 7500, level: 0.28 };
/** @type {Drum} */
const CRASH = { noise: 1, noiseLength: 1.4, filter: "highpass", cutoff: 4500, level: 0.32 };
/** @type {Drum} */
const RIDE = {
  tone: 3100, fall: 1, toneLength: 0.5, noise: 1.6, noiseLength: 0.6, filter: "highpass",
  cutoff: 7000, level: 0.14,
};
/** @type {Drum} */
const SHAKER = { noise: 1, noiseLength: 0.09, filter: "bandpass", cutoff: 6500, level: 0.25 };
/** @type {Drum} */
const COWBELL = {
  tone: 560, fall: 1, toneLength: 0.2, noise: 0.1, noiseLength: 0.02, filter: "bandpass",
  cutoff: 2500, level: 0.35,
};

/**
 * @param {number} tone
 * @returns {Drum}
 */
function tom(tone) {
  return {
    tone, fall: 0.55, toneLength: 0.32, noise: 0.12, noiseLength: 0.05, filter: "lowpass",
    cutoff: 2500, level: 0.7,
  };
}

/**
 * @param {number} tone
 * @param {number} toneLength
 * @returns {Drum}
 */
function block(tone, toneLength) {
  return {
    tone, fall: 0.97, toneLength, noise: 0.2, noiseLength: 0.015, filter: "bandpass", cutoff: 3000,
    level: 0.4,
  };
}

/**
 * Percussion keys of General MIDI, 35 to 81.
 * @type {Record<number, Drum>}
 */
const KEYS = {
  35: KICK, 36: KICK, 37: SIDE_STICK, 38: SNARE, 39: CLAP, 40: SNARE,
  41: tom(85), 42: CLOSED_HAT, 43: tom(100), 44: CLOSED_HAT, 45: tom(120), 46: OPEN_HAT,
  47: tom(145), 48: tom(175), 49: CRASH, 50: tom(205), 51: RIDE, 52: CRASH,
  53: RIDE, 54: SHAKER, 55: CRASH, 56: COWBELL, 57: CRASH, 58: SHAKER, 59: RIDE,
  60: block(420, 0.12), 61: block(310, 0.14), 62: block(380, 0.05), 63: block(370, 0.16),
  64: block(250, 0.18),
  65: tom(330), 66: tom(240), 67: block(1150, 0.2), 68: block(820, 0.2), 69: SHAKER, 70: SHAKER,
  71: block(2300, 0.1), 72: block(2100, 0.4), 73: SHAKER, 74: SHAKER, 75: block(2500, 0.05),
  76: block(1100, 0.06),
  77: block(800, 0.07), 78: block(500, 0.1), 79: block(420, 0.2), 80: block(4200, 0.08),
  81: block(4000, 0.8),
};

/** @type {WeakMap<BaseAudioContext, AudioBuffer>} */
const NOISES = new WeakMap();

/**
 * Two seconds of white noise, always the same.
 * @param {BaseAudioContext} context
 */
export function noiseOf(context) {
  let buffer = NOISES.get(context);
  if (!buffer) {
    buffer = context.createBuffer(1, 2 * context.sampleRate, context.sampleRate);
    const samples = buffer.getChannelData(0);
    let state = 1;
    for (let i = 0; i < samples.length; i++) {
      // A linear congruential generator (Numerical Recipes, 7.1).
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      samples[i] = state / 0x80000000 - 1;
    }
    NOISES.set(context, buffer);
  }
  return buffer;
}

/**
 * A gain that starts at `level` and decays.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {number} level
 * @param {number} when
 * @param {number} length
 */
function decaying(context, out, level, when, length) {
  const gain = context.createGain();
  gain.gain.setValueAtTime(level, when);
  gain.gain.exponentialRampToValueAtTime(0.0005, when + length);
  gain.connect(out);
  return gain;
}

/**
 * Plays a drum; keys outside the General MIDI range sound like a wood block.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {number} key
 * @param {number} velocity 0 to 127
 * @param {number} when time of the audio context, in seconds
 * @returns {import("./voices.js").Sounding}
 */
export function strike(context, out, key, velocity, when) {
  const drum = KEYS[key] ?? block(600 + 20 * (key % 32), 0.08);
  const level = (drum.level ?? 0.5) * (velocity / 127) ** 1.5;
  /** @type {AudioScheduledSourceNode[]} */
  const sources = [];
  const bus = context.createGain();
  bus.connect(out);
  let end = when;
  if (level > 0 && drum.tone) {
    const length = drum.toneLength ?? 0.1;
    const oscillator = context.createOscillator();
    oscillator.frequency.setValueAtTime(drum.tone, when);
    oscillator.frequency.exponentialRampToValueAtTime(
      drum.tone * (drum.fall ?? 1),
      when + length * 0.6,
    );
    oscillator.connect(decaying(context, bus, level, when, length));
    oscillator.start(when);
    oscillator.stop(when + length);
    end = Math.max(end, when + length);
    sources.push(oscillator);
  }
  if (level > 0 && drum.noise) {
    const length = drum.noiseLength ?? 0.1;
    const source = context.createBufferSource();
    source.buffer = noiseOf(context);
    const filter = context.createBiquadFilter();
    filter.type = drum.filter ?? "highpass";
    filter.frequency.value = drum.cutoff ?? 5000;
    source.connect(filter).connect(decaying(context, bus, level * drum.noise, when, length));
    source.start(when, (key * 0.137) % 0.5, length);
    end = Math.max(end, when + length);
    sources.push(source);
  }
  sources[sources.length - 1]?.addEventListener("ended", () => bus.disconnect());
  return {
    sources,
    end,
    cut(at) {
      bus.gain.setTargetAtTime(0, at, 0.015);
      for (const source of sources) source.stop(Math.min(end, at + 0.1));
    },
  };
}
