// @ts-check
// Listens to a MIDI device: its keys sound and can be recorded, and its clock can set the tempo.

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const CLOCK = 0xf8;
const START = 0xfa;
const CONTINUE = 0xfb;
const STOP = 0xfc;
/** Clock messages per quarter note; the tempo is that of the last quarter note. */
const CLOCKS = 24;
/** Plausible tempos of a clock; outside this range, it has paused. */
const QPM = [20, 400];
/** Smaller changes of tempo are jitter of the clock. */
const LEAST_CHANGE = 0.4;
/** Maximum duration of a key that is never released, in milliseconds. */
const MAX_HELD = 30_000;

/**
 * Events: `key` (detail: `{ pitch }`), `played` (a key was released; detail: `{ pitch, from, to }`,
 * times in milliseconds of the page), `tempo` (detail: quarter notes per minute), `start`,
 * `continue`, `stop`.
 */
export class MidiIn extends EventTarget {
  /**
   * Times when keys were pressed.
   * @type {Map<number, number>}
   */
  #held = new Map();
  /** @type {number[]} */
  #clocks = [];
  #qpm = 0;
  #listener;

  /** @param {MIDIInput} port */
  constructor(port) {
    super();
    this.port = port;
    this.#listener = (/** @type {Event} */ event) => {
      const { data, timeStamp } = /** @type {MIDIMessageEvent} */ (event);
      if (data) this.#receive([...data], timeStamp);
    };
    port.addEventListener("midimessage", this.#listener);
    // Listening with `addEventListener` does not open a port.
    port.open?.();
  }

  close() {
    this.port.removeEventListener("midimessage", this.#listener);
  }

  /**
   * @param {number[]} data
   * @param {number} time
   */
  #receive([status, pitch, velocity], time) {
    const kind = status < 0xf0 ? status & 0xf0 : status;
    if (kind === NOTE_ON && velocity > 0) {
      this.#held.set(pitch, time);
      this.#tell("key", { pitch });
    } else if (kind === NOTE_OFF || kind === NOTE_ON) {
      const from = this.#held.get(pitch);
      this.#held.delete(pitch);
      if (from !== undefined && time - from < MAX_HELD) {
        this.#tell("played", { pitch, from, to: time });
      }
    } else if (kind === CLOCK) this.#tick(time);
    else if (kind === START) this.#tell("start", null);
    else if (kind === CONTINUE) this.#tell("continue", null);
    else if (kind === STOP) this.#tell("stop", null);
  }

  /** @param {number} time */
  #tick(time) {
    this.#clocks.push(time);
    if (this.#clocks.length <= CLOCKS) return;
    const first = /** @type {number} */ (this.#clocks.shift());
    const qpm = 60_000 / (time - first);
    if (!(qpm >= QPM[0] && qpm <= QPM[1])) {
      this.#clocks = [];
      return;
    }
    if (Math.abs(qpm - this.#qpm) < LEAST_CHANGE) return;
    this.#qpm = qpm;
    this.#tell("tempo", Math.round(10 * qpm) / 10);
  }

  /**
   * @param {string} event
   * @param {unknown} detail
   */
  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}
