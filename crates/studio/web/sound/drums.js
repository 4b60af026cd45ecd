// @ts-check
// Drums, synthesized from a falling tone and filtered noise. Keys are those of General MIDI
// percussion.

/** @typedef {import("./voices.js").Sounding} Sounding */

/**
 * @typedef {object} Drum
 * @property {number} tone initial frequency in hertz; 0 for no tone
 * @property {number} fall final frequency as a fraction of the initial one
 * @property {number} length duration of the tone in seconds
 * @property {number} noise loudness of the noise relative to the tone
 * @property {number} hiss duration of the noise in seconds
 * @property {BiquadFilterType} filter
 * @property {number} cutoff in hertz
 * @property {number} level
 */

/**
 * @param {[number, number, number]} tone hertz, fall, seconds
 * @param {[number, number, BiquadFilterType, number]} noise loudness, seconds, filter, cutoff
 * @param {number} level
 * @returns {Drum}
 */
function drum([tone, fall, length], [noise, hiss, filter, cutoff], level) {
  return { tone, fall, length, noise, hiss, filter, cutoff, level };
}

const KICK = drum([135, 0.34, 0.3], [0.12, 0.02, "lowpass", 2800], 1);
const SNARE = drum([210, 0.8, 0.11], [0.8, 0.19, "highpass", 1700], 0.55);
const STICK = drum([1650, 0.92, 0.03], [0.4, 0.03, "bandpass", 2600], 0.5);
const CLAP = drum([0, 1, 0], [1, 0.16, "bandpass", 1500], 0.65);
const CLOSED = drum([0, 1, 0], [1, 0.055, "highpass", 8200], 0.28);
const OPEN = drum([0, 1, 0], [1, 0.38, "highpass", 7600], 0.25);
const CRASH = drum([0, 1, 0], [1, 1.5, "highpass", 4600], 0.3);
const RIDE = drum([3000, 1, 0.45], [1.5, 0.55, "highpass", 7200], 0.14);
const BELL = drum([570, 1, 0.22], [0.1, 0.02, "bandpass", 2500], 0.32);
const SHAKER = drum([0, 1, 0], [1, 0.09, "bandpass", 6400], 0.24);
const TOM = [41, 43, 45, 47, 48, 50];

/**
 * @param {number} key
 * @returns {Drum}
 */
export function drumOf(key) {
  if (key === 35 || key === 36) return KICK;
  if (key === 38 || key === 40) return SNARE;
  if (key === 37) return STICK;
  if (key === 39) return CLAP;
  if (key === 42 || key === 44) return CLOSED;
  if (key === 46) return OPEN;
  if ([49, 52, 55, 57].includes(key)) return CRASH;
  if ([51, 53, 59].includes(key)) return RIDE;
  if (key === 56) return BELL;
  if ([54, 58, 69, 70, 73, 74].includes(key)) return SHAKER;
  const tom = TOM.indexOf(key);
  if (tom >= 0) return drum([84 + 24 * tom, 0.58, 0.32], [0.1, 0.05, "lowpass", 2400], 0.7);
  return drum([260 + 46 * (key % 24), 0.96, 0.1], [0.2, 0.015, "bandpass", 3000], 0.4);
}

/** @type {WeakMap<BaseAudioContext, AudioBuffer>} */
const NOISES = new WeakMap();

/**
 * One second of white noise, always the same.
 * @param {BaseAudioContext} context
 */
export function noiseOf(context) {
  let buffer = NOISES.get(context);
  if (!buffer) {
    buffer = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = buffer.getChannelData(0);
    // Marsaglia's 32-bit xorshift.
    let state = 2463534242;
    for (let i = 0; i < samples.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      samples[i] = state / 0x80000000;
    }
    NOISES.set(context, buffer);
  }
  return buffer;
}

/**
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {number} key
 * @param {number} when
 * @param {number} [loudness] 0 to 1
 * @returns {Sounding}
 */
export function strike(context, out, key, when, loudness = 0.8) {
  const { tone, fall, length, noise, hiss, filter, cutoff, level } = drumOf(key);
  const bus = context.createGain();
  bus.gain.value = level * loudness;
  bus.connect(out);
  /** @type {AudioScheduledSourceNode[]} */
  const sources = [];
  const decaying = (/** @type {number} */ loud, /** @type {number} */ seconds) => {
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, when);
    gain.gain.setTargetAtTime(loud, when, 0.0008);
    gain.gain.setTargetAtTime(0, when + 0.004, seconds / 5);
    gain.connect(bus);
    return gain;
  };
  if (tone) {
    const oscillator = context.createOscillator();
    oscillator.frequency.setValueAtTime(tone, when);
    oscillator.frequency.setTargetAtTime(tone * fall, when, length / 4);
    oscillator.connect(decaying(1, length));
    oscillator.start(when);
    oscillator.stop(when + 1.4 * length);
    sources.push(oscillator);
  }
  if (noise) {
    const source = context.createBufferSource();
    source.buffer = noiseOf(context);
    source.loop = true;
    const pass = context.createBiquadFilter();
    pass.type = filter;
    pass.frequency.value = cutoff;
    source.connect(pass).connect(decaying(noise, hiss));
    source.start(when, (key * 0.137) % 0.5);
    source.stop(when + 1.4 * hiss);
    sources.push(source);
  }
  const last = sources[sources.length - 1];
  last?.addEventListener("ended", () => bus.disconnect());
  const end = when + 1.4 * Math.max(tone ? length : 0, noise ? hiss : 0);
  return {
    end,
    cut(at) {
      bus.gain.setTargetAtTime(0, at, 0.015);
      for (const source of sources) source.stop(Math.min(end, at + 0.1));
    },
  };
}
