// @ts-check
// Requests to the studio's server: the server's own words for errors, and a watch on whether it is there at all.

/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Window} Window */

/** Milliseconds between two looks whether the server is back. */
const KNOCK = 2000;
/** How often a request is sent again that a busy server refused. */
const PATIENCE = 4;

/** What the server said about a request that it refused. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {string} code
   * @param {number} status
   */
  constructor(message, code, status) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

/**
 * Whether a request ended because somebody no longer wanted it.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** A seed of the kind that the server takes: any that JavaScript holds exactly. */
export function newSeed() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  // Six figures can be told on the telephone; a draw rarely meets another.
  return (high * 2 ** 20 + (low >>> 12)) % 1_000_000;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** The interface's client. Events: `gone` and `back`, as the server goes and comes. */
export class Api extends EventTarget {
  #isGone = false;

  /** @param {string} [base] */
  constructor(base = "/api/v1") {
    super();
    this.base = base;
  }

  get isGone() {
    return this.#isGone;
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   */
  async send(path, init = {}) {
    for (let trial = 1; ; trial++) {
      let response;
      try {
        response = await fetch(this.base + path, init);
      } catch (error) {
        if (!isAbort(error)) this.#lose();
        throw isAbort(error) ? error : new ApiError("The studio's server does not answer.", "gone", 0);
      }
      this.#find();
      if (response.ok) return response;
      if (response.status === 503 && trial < PATIENCE) {
        const seconds = Number(response.headers.get("retry-after")) || 0.3;
        await pause(Math.min(5, seconds) * 1000, init.signal ?? undefined);
        continue;
      }
      throw await errorOf(response);
    }
  }

  /**
   * @param {string} path
   * @param {AbortSignal} [signal]
   */
  async get(path, signal) {
    return (await this.send(path, { signal })).json();
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @param {AbortSignal} [signal]
   */
  async post(path, body, signal) {
    return (await this.send(path, json("POST", body, signal))).json();
  }

  /**
   * @param {string} path
   * @param {unknown} body
   */
  async patch(path, body) {
    return (await this.send(path, json("PATCH", body))).json();
  }

  /**
   * @param {string} path
   * @param {FormData} form
   */
  async upload(path, form) {
    return (await this.send(path, { method: "POST", body: form })).json();
  }

  /**
   * @param {string} path
   * @param {unknown} body
   */
  async blob(path, body) {
    return (await this.send(path, json("POST", body))).blob();
  }

  #lose() {
    if (this.#isGone) return;
    this.#isGone = true;
    this.dispatchEvent(new Event("gone"));
    this.#knock();
  }

  #find() {
    if (!this.#isGone) return;
    this.#isGone = false;
    this.dispatchEvent(new Event("back"));
  }

  async #knock() {
    while (this.#isGone) {
      await pause(KNOCK);
      try {
        if ((await fetch(`${this.base}/model`)).ok) this.#find();
      } catch {
        // Not yet.
      }
    }
  }
}

/**
 * @param {string} method
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 * @returns {RequestInit}
 */
function json(method, body, signal) {
  return { method, body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal };
}

/** @param {Response} response */
async function errorOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(String(error.message), String(error.code), response.status);
  } catch {
    return new ApiError(`The server answered ${response.status} ${response.statusText}.`, "unknown", response.status);
  }
}

/** One request in flight; of what is wished meanwhile, only the newest is sent when that one is over. */
export class Latest {
  /** @type {AbortController | null} */
  #flight = null;
  /** @type {unknown} */
  #waiting = undefined;
  #since = 0;
  #work;
  #failed;

  /**
   * @param {(input: any, signal: AbortSignal) => Promise<void>} work
   * @param {(error: unknown) => void} failed
   */
  constructor(work, failed) {
    this.#work = work;
    this.#failed = failed;
  }

  /** @param {unknown} input */
  want(input) {
    if (!this.#flight) {
      this.#fly(input);
      return;
    }
    this.#waiting = input;
    // An answer that is long overdue is of no use beside a newer wish.
    if (performance.now() - this.#since > 1500) this.#flight.abort();
  }

  /** Gives up what is in flight and what waits. */
  cancel() {
    this.#waiting = undefined;
    this.#flight?.abort();
  }

  /** @param {unknown} input */
  async #fly(input) {
    const flight = new AbortController();
    this.#flight = flight;
    this.#since = performance.now();
    try {
      await this.#work(input, flight.signal);
    } catch (error) {
      if (!isAbort(error)) this.#failed(error);
    }
    this.#flight = null;
    const next = this.#waiting;
    this.#waiting = undefined;
    if (next !== undefined) this.#fly(next);
  }
}
