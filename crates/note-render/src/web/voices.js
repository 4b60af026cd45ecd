// @ts-check
// The melodic programs of General MIDI, synthesized from a few overtones, an envelope and a closing
// filter.

/**
 * @typedef {object} Voice
 * @property {number[]} partials amplitudes of the fundamental and its overtones
 * @property {number} attack seconds until the peak
 * @property {number} decay seconds for most of the way from the peak to `sustain`
 * @property {number} sustain level while the key is held, 0 to 1
 * @property {number} release seconds of decay after the key is released
 * @property {number} bright initial cutoff of the filter, as a multiple of the fundamental
 * @property {number} [dark] final cutoff; by default the filter stays open
 * @property {number} [chorus] detuning between two oscillators in cents; without it, there is one
 *   oscillator
 * @property {number} [vibrato] depth in cents
 * @property {number} level loudness relative to other voices
 */

/**
 * A sounding note: its sources, which are all scheduled to end, its end, and a function that ends
 * it early without a click.
 * @typedef {object} Sounding
 * @property {AudioScheduledSourceNode[]} sources
 * @property {number} end time of the audio context
 * @property {(at: number) => void} cut
 */

/** Seconds within which a note that is cut fades. */
const CUT_FADE = 0.08;

/**
 * Overtone amplitudes that fall as a power of the overtone number.
 * @param {number} n
 * @param {number} power
 * @param {boolean} [oddOnly]
 */
function falling(n, power, oddOnly = false) {
  return Array.from({ length: n }, (_, i) => (oddOnly && i % 2 ? 0 : (i + 1) ** -power));
}

/**
 * The sixteen families of eight programs each.
 * @type {Voice[]}
 */
const FAMILIES = [
  // Piano
  {
    partials: falling(12, 1.3), attack: 0.003, decay: 1.1, sustain: 0.0, release: 0.25, bright: 9,
    dark: 2, chorus: 3, level: 0.55,
  },
  // Chromatic percussion
  {
    partials: [1, 0, 0, 0.35, 0, 0, 0, 0, 0, 0.12], attack: 0.002, decay: 0.9, sustain: 0,
    release: 0.5, bright: 12, level: 0.7,
  },
  // Organ
  {
    partials: [1, 0.7, 0.5, 0.45, 0, 0.2, 0, 0.25], attack: 0.012, decay: 0.1, sustain: 0.9,
    release: 0.06, bright: 12, level: 0.4,
  },
  // Guitar
  {
    partials: falling(14, 1.05), attack: 0.002, decay: 0.7, sustain: 0, release: 0.15, bright: 8,
    dark: 1.5, level: 0.75,
  },
  // Bass
  {
    partials: falling(10, 1.2), attack: 0.004, decay: 1.0, sustain: 0.15, release: 0.1, bright: 7,
    dark: 2, level: 1.0,
  },
  // Strings
  {
    partials: falling(16, 1.1), attack: 0.06, decay: 0.2, sustain: 0.85, release: 0.2, bright: 6,
    vibrato: 7, level: 0.5,
  },
  // Ensemble
  {
    partials: falling(16, 1.15), attack: 0.09, decay: 0.3, sustain: 0.85, release: 0.35, bright: 5,
    chorus: 14, level: 0.45,
  },
  // Brass
  {
    partials: falling(16, 0.9), attack: 0.035, decay: 0.15, sustain: 0.8, release: 0.1, bright: 6,
    dark: 4, level: 0.5,
  },
  // Reed
  {
    partials: falling(15, 0.95, true), attack: 0.03, decay: 0.1, sustain: 0.85, release: 0.08,
    bright: 7, vibrato: 5, level: 0.5,
  },
  // Pipe
  {
    partials: [1, 0.22, 0.1, 0.03], attack: 0.04, decay: 0.1, sustain: 0.9, release: 0.1, bright: 6,
    vibrato: 6, level: 0.65,
  },
  // Lead
  {
    partials: falling(20, 1.0), attack: 0.005, decay: 0.2, sustain: 0.75, release: 0.08, bright: 9,
    chorus: 8, level: 0.4,
  },
  // Pad
  {
    partials: falling(16, 1.3), attack: 0.2, decay: 0.5, sustain: 0.8, release: 0.7, bright: 3.5,
    chorus: 16, level: 0.5,
  },
  // Effects
  {
    partials: [1, 0, 0.4, 0, 0.3, 0, 0.2], attack: 0.08, decay: 1.2, sustain: 0.4, release: 0.8,
    bright: 6, chorus: 20, level: 0.45,
  },
  // Ethnic
  {
    partials: falling(18, 0.85), attack: 0.002, decay: 0.6, sustain: 0, release: 0.2, bright: 10,
    dark: 2, level: 0.6,
  },
  // Percussive
  {
    partials: [1, 0, 0.3, 0, 0, 0.2], attack: 0.002, decay: 0.3, sustain: 0, release: 0.2,
    bright: 10, level: 0.75,
  },
  // Sounds
  {
    partials: falling(8, 1), attack: 0.05, decay: 0.6, sustain: 0.3, release: 0.3, bright: 5,
    chorus: 30, level: 0.4,
  },
];

/** @type {WeakMap<BaseAudioContext, Map<Voice, PeriodicWave>>} */
const WAVES = new WeakMap();

/**
 * @param {BaseAudioContext} context
 * @param {Voice} voice
 */
function waveOf(context, voice) {
  let waves = WAVES.get(context);
  if (!waves) {
    waves = new Map();
    WAVES.set(context, waves);
  }
  let wave = waves.get(voice);
  if (!wave) {
    const sine = Float32Array.from([0, ...voice.partials]);
    wave = context.createPeriodicWave(new Float32Array(sine.length), sine);
    waves.set(voice, wave);
  }
  return wave;
}

/**
 * Frequency of a key in hertz; key 69 is 440 Hz.
 * @param {number} key
 */
export function frequencyOf(key) {
  return 440 * 2 ** ((key - 69) / 12);
}

/**
 * Plays a key with a melodic program.
 * @param {BaseAudioContext} context
 * @param {AudioNode} out
 * @param {number} program 0 to 127
 * @param {number} key 0 to 127
 * @param {number} velocity 0 to 127
 * @param {number} when time of the audio context, in seconds
 * @param {number} duration seconds until the key is released
 * @returns {Sounding}
 */
export function sound(context, out, program, key, velocity, when, duration) {
  const voice = FAMILIES[Math.floor(program / 8)] ?? FAMILIES[0];
  const level = 0.4 * voice.level * (velocity / 127) ** 1.4;
  if (level <= 0) return { sources: [], end: when, cut() {} };
  const frequency = frequencyOf(key);
  const end = when + Math.max(duration, voice.attack);
  const stop = end + voice.release;
  // Low notes decay more slowly than high ones.
  const decay = voice.decay * Math.min(2, Math.max(0.4, 2 ** ((60 - key) / 24)));

  const envelope = context.createGain();
  // Every curve approaches its target from its current value, so that a note can be cut at any
  // moment without a click.
  envelope.gain.setValueAtTime(0, when);
  envelope.gain.setTargetAtTime(level, when, voice.attack / 3);
  envelope.gain.setTargetAtTime(level * voice.sustain, when + voice.attack, decay / 2);
  envelope.gain.setTargetAtTime(0, end, voice.release / 5);
  const filter = context.createBiquadFilter();
  filter.type = "lowpass";
  const highest = context.sampleRate * 0.45;
  const harder = 0.6 + 0.6 * (velocity / 127);
  filter.frequency.setValueAtTime(Math.min(highest, frequency * voice.bright * harder), when);
  if (voice.dark) {
    filter.frequency.setTargetAtTime(
      Math.min(highest, frequency * voice.dark),
      when + voice.attack,
      decay / 3,
    );
  }
  filter.connect(envelope).connect(out);

  const cents = voice.chorus ? [-voice.chorus / 2, voice.chorus / 2] : [0];
  /** @type {AudioScheduledSourceNode[]} */
  const sources = [];
  for (const detune of cents) {
    const oscillator = context.createOscillator();
    oscillator.setPeriodicWave(waveOf(context, voice));
    oscillator.frequency.value = frequency;
    oscillator.detune.value = detune;
    oscillator.connect(filter);
    sources.push(oscillator);
  }
  if (voice.vibrato && duration > 0.3) {
    const vibrato = context.createOscillator();
    const depth = context.createGain();
    vibrato.frequency.value = 5.2;
    depth.gain.setValueAtTime(0, when + 0.2);
    depth.gain.linearRampToValueAtTime(voice.vibrato, when + 0.5);
    vibrato.connect(depth);
    for (const source of sources) depth.connect(/** @type {OscillatorNode} */ (source).detune);
    sources.push(vibrato);
  }
  for (const source of sources) {
    source.start(when);
    source.stop(stop);
  }
  sources[0].addEventListener("ended", () => envelope.disconnect());
  return {
    sources,
    end: stop,
    cut(at) {
      if (at >= stop) return;
      // Cancels what is scheduled after `at`; before it, the curve stays as scheduled.
      envelope.gain.cancelScheduledValues(at);
      envelope.gain.setTargetAtTime(0, at, CUT_FADE / 7);
      for (const source of sources) source.stop(at + CUT_FADE);
    },
  };
}
