// @ts-check
// Sends notes and MIDI clock to a MIDI device, if the browser permits it.
//
// A message that was handed over with a future time can't be taken back, so a note could start
// after Stop. Therefore messages wait here until they are due, and Stop discards those that wait.

/** @typedef {import("../types.js").Note} Note */
/** @typedef {{ at: number, bytes: number[] }} Message `at` in milliseconds of the page */

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const CONTROL = 0xb0;
const ALL_NOTES_OFF = 123;
const SONG_POSITION = 0xf2;
const CLOCK = 0xf8;
const START = 0xfa;
const CONTINUE = 0xfb;
const STOP = 0xfc;
const DRUM_CHANNEL = 9;
const VELOCITY = 88;
/** Clock messages per quarter note. */
export const CLOCKS = 24;
/** Milliseconds by which a message may be early: less than timers can wait. */
const EARLY = 1;
/**
 * Milliseconds by which messages are handed over ahead while the page is hidden, because its timers
 * then run only once per second.
 */
const AHEAD_HIDDEN = 1500;

/** An output of Web MIDI. */
export class MidiOut {
  /** @type {Message[]} in order of time */
  #waiting = [];
  /**
   * Channels and pitches of sounding notes.
   * @type {Map<string, [number, number]>}
   */
  #on = new Map();
  /**
   * Channels used since the last stop.
   * @type {Set<number>}
   */
  #channels = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** Whether MIDI clock is sent. */
  sendsClock = false;
  #isRunning = false;

  /** @param {MIDIOutput} port */
  constructor(port) {
    this.port = port;
  }

  /**
   * Access to the devices; throws if the browser has no Web MIDI or the user denies access.
   * @returns {Promise<MIDIAccess>}
   */
  static async access() {
    if (!navigator.requestMIDIAccess) {
      throw new Error("This browser does not support Web MIDI; Chromium and Firefox do.");
    }
    return navigator.requestMIDIAccess();
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
    this.#queue({ at: on, bytes: [NOTE_ON | channel, note.pitch, VELOCITY] });
    this.#queue({ at: on + seconds * 980, bytes: [NOTE_OFF | channel, note.pitch, 0] });
  }

  /**
   * Starts the clock for devices that follow it.
   * @param {number} inSeconds from now
   * @param {number} sixteenths position in the piece
   */
  start(inSeconds, sixteenths) {
    if (!this.sendsClock) return;
    const at = performance.now() + inSeconds * 1000;
    const beat = Math.max(0, Math.floor(sixteenths));
    this.#isRunning = true;
    if (beat) {
      this.#queue({ at: at - EARLY, bytes: [SONG_POSITION, beat & 127, (beat >> 7) & 127] });
    }
    this.#queue({ at, bytes: [beat ? CONTINUE : START] });
  }

  /**
   * One clock message, 24 per quarter note.
   * @param {number} inSeconds from now
   */
  clock(inSeconds) {
    if (this.#isRunning) {
      this.#queue({ at: performance.now() + inSeconds * 1000, bytes: [CLOCK] });
    }
  }

  /** Ends all notes now, discards waiting ones, and stops devices that follow the clock. */
  stop() {
    this.#waiting = [];
    this.#flush();
    // Discards what the browser has not sent yet.
    const port = /** @type {MIDIOutput & { clear?: () => void }} */ (this.port);
    port.clear?.();
    const now = performance.now();
    for (const [channel, pitch] of this.#on.values()) {
      this.port.send([NOTE_OFF | channel, pitch, 0], now);
    }
    for (const channel of this.#channels) {
      this.port.send([CONTROL | channel, ALL_NOTES_OFF, 0], now);
    }
    this.#channels.clear();
    this.#on.clear();
    if (this.#isRunning) this.port.send([STOP], now);
    this.#isRunning = false;
  }

  /**
   * Ends all notes at a time, because others take over; waiting notes that start later are
   * discarded.
   * @param {number} inSeconds from now
   */
  silence(inSeconds) {
    const at = performance.now() + inSeconds * 1000;
    const kind = (/** @type {Message} */ { bytes }) => bytes[0] & 0xf0;
    const begins = this.#waiting.filter((message) => message.at < at && kind(message) === NOTE_ON);
    const open = [...this.#on.values(), ...begins.map(({ bytes }) => [bytes[0] & 15, bytes[1]])];
    const isKept = (/** @type {Message} */ message) =>
      message.at < at || kind(message) > CONTROL;
    this.#waiting = this.#waiting.filter(isKept);
    for (const [channel, pitch] of open) {
      this.#queue({ at: at - EARLY, bytes: [NOTE_OFF | channel, pitch, 0] });
    }
  }

  /** @param {Message} message */
  #queue(message) {
    let place = this.#waiting.length;
    while (place > 0 && this.#waiting[place - 1].at > message.at) place--;
    this.#waiting.splice(place, 0, message);
    if (place === 0) this.#flush();
  }

  /** Sends what is due, and waits for the next message. */
  #flush() {
    clearTimeout(this.#timer);
    const ahead = document.hidden ? AHEAD_HIDDEN : EARLY;
    for (;;) {
      const now = performance.now();
      const [first] = this.#waiting;
      if (!first) return;
      if (first.at > now + ahead) {
        this.#timer = setTimeout(() => this.#flush(), Math.max(0, first.at - now - ahead));
        return;
      }
      this.#waiting.shift();
      this.#send(first);
    }
  }

  /** @param {Message} message */
  #send({ bytes, at }) {
    const [status, pitch] = bytes;
    const [channel, key] = [status & 15, `${status & 15},${pitch}`];
    if ((status & 0xf0) === NOTE_ON) {
      this.#on.set(key, [channel, pitch]);
      this.#channels.add(channel);
    }
    if ((status & 0xf0) === NOTE_OFF) this.#on.delete(key);
    this.port.send(bytes, at);
  }
}
