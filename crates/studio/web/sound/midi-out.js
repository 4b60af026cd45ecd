// @ts-check
// Sends notes to a MIDI device, if the browser permits it.

/** @typedef {import("../types.js").Note} Note */

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const DRUM_CHANNEL = 9;
const VELOCITY = 88;

/** An output of Web MIDI. */
export class MidiOut {
  /**
   * End times of sounding and scheduled notes, in milliseconds of the page.
   * @type {Map<string, number>}
   */
  #on = new Map();

  /** @param {MIDIOutput} port */
  constructor(port) {
    this.port = port;
  }

  /**
   * The available outputs; throws if the browser has no Web MIDI or the user denies access.
   * @returns {Promise<MIDIOutput[]>}
   */
  static async ports() {
    if (!navigator.requestMIDIAccess) {
      throw new Error("This browser does not support Web MIDI; Chromium and Firefox do.");
    }
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
   * Ends all sounding notes.
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
