// @ts-check
// The output chain: some reverb, volume, a limiter, and a meter.

import { noiseOf } from "./drums.js";

/** Duration of the reverb in seconds, and its level. */
const REVERB_SECONDS = 1.1;
const REVERB_GAIN = 0.16;

/**
 * The impulse response of the room: decaying stereo noise.
 * @param {BaseAudioContext} context
 */
function roomOf(context) {
  const n = Math.round(REVERB_SECONDS * context.sampleRate);
  const room = context.createBuffer(2, n, context.sampleRate);
  const noise = noiseOf(context).getChannelData(0);
  for (let side = 0; side < 2; side++) {
    const samples = room.getChannelData(side);
    for (let i = 0; i < n; i++) {
      samples[i] = noise[(i + side * 7919) % noise.length] * (1 - i / n) ** 3.5;
    }
  }
  return room;
}

/** The end of the audio graph. */
export class Output {
  /** @param {BaseAudioContext} context */
  constructor(context) {
    this.context = context;
    /** The node to which voices connect. */
    this.bus = context.createGain();
    this.volume = context.createGain();
    this.analyser = new AnalyserNode(context, { fftSize: 2048 });
    const room = new ConvolverNode(context, { buffer: roomOf(context) });
    const wet = new GainNode(context, { gain: REVERB_GAIN });
    const limiter = new DynamicsCompressorNode(context, {
      threshold: -9, knee: 6, ratio: 20, attack: 0.002, release: 0.14,
    });
    this.bus.connect(this.volume);
    this.bus.connect(room).connect(wet).connect(this.volume);
    this.volume.connect(limiter).connect(this.analyser).connect(context.destination);
  }

  /** The peak of the last 2,048 samples, 0 to 1. */
  peak() {
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  }
}
