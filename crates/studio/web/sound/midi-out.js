// @ts-check
// Notes to a MIDI device, where the browser grants it.

/** @typedef {import("../types.js").Note} Note */

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const DRUM_CHANNEL = 9;
const VELOCITY = 88;

/** One output of Web MIDI. */
export class MidiOut {
  /** @type {Map<string, number>} notes that are on or planned, and when they end, in the page's milliseconds */
  #on = new Map();

  /** @param {MIDIOutput} port */
  constructor(port) {
    this.port = port;
  }

  /**
   * The outputs there are; throws where the browser has no Web MIDI or the person says no.
   * @returns {Promise<MIDIOutput[]>}
   */
  static async ports() {
    if (!navigator.requestMIDIAccess) throw new Error("This browser has no Web MIDI; Chromium and Firefox do.");
    const access = await navigator.requestMIDIAccess();
    return [...access.outputs.values()];
  }

  /**
   * @param {Note} note
   * @param {number} inSeconds from now
   * @param {number} seconds
   * @param {boolean} isDrum
   */
  note(note, inSeconds, seconds, isDrum) {
    const channel = isDrum ? DRUM_CHANNEL : Math.min(8, note.voice);
    const on = performance.now() + inSeconds * 1000;
    const off = on + seconds * 980;
    this.port.send([NOTE_ON | channel, note.pitch, VELOCITY], on);
    this.port.send([NOTE_OFF | channel, note.pitch, 0], off);
    this.#on.set(`${channel},${note.pitch}`, off);
  }

  /**
   * Ends what sounds.
   * @param {number} inSeconds from now
   */
  silence(inSeconds) {
    const at = performance.now() + inSeconds * 1000;
    for (const [key, off] of this.#on) {
      const [channel, pitch] = key.split(",").map(Number);
      if (off > at) this.port.send([NOTE_OFF | channel, pitch, 0], at);
    }
    this.#on.clear();
  }
}
