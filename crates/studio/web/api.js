// @ts-check
// Requests to the studio's server. Errors carry the message of the server, and clients are notified
// when the server disappears or returns.

/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Window} Window */

/** Milliseconds between two checks whether the server is back. */
const POLL_INTERVAL = 2000;
/** Maximum number of attempts if the server is busy. */
const MAX_ATTEMPTS = 4;

/** An error response of the server. */
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
 * Whether a request ended because it was aborted.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Returns a random seed that the server accepts and JavaScript represents exactly. */
export function newSeed() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  // Six digits are easy to pass on, and rarely collide.
  return (high * 2 ** 20 + (low >>> 12)) % 1_000_000;
}

/**
 * Waits, unless aborted.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Client of the API. Events: `gone` and `back`, when the server disappears and returns. */
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
    for (let attempt = 1; ; attempt++) {
      let response;
      try {
        response = await fetch(this.base + path, init);
      } catch (error) {
        if (isAbort(error)) throw error;
        this.#markGone();
        throw new ApiError("The studio's server does not answer.", "gone", 0);
      }
      this.#markBack();
      if (response.ok) return response;
      if (response.status === 503 && attempt < MAX_ATTEMPTS) {
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

  #markGone() {
    if (this.#isGone) return;
    this.#isGone = true;
    this.dispatchEvent(new Event("gone"));
    this.#pollUntilBack();
  }

  #markBack() {
    if (!this.#isGone) return;
    this.#isGone = false;
    this.dispatchEvent(new Event("back"));
  }

  async #pollUntilBack() {
    while (this.#isGone) {
      await pause(POLL_INTERVAL);
      try {
        if ((await fetch(`${this.base}/model`)).ok) this.#markBack();
      } catch {
        // Not back yet.
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
  return {
    method,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
    signal,
  };
}

/** @param {Response} response */
async function errorOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(String(error.message), String(error.code), response.status);
  } catch {
    return new ApiError(
      `The server answered ${response.status} ${response.statusText}.`,
      "unknown",
      response.status,
    );
  }
}

/**
 * Keeps one request in flight. Of the inputs that arrive meanwhile, only the newest is sent when it
 * completes.
 */
export class LatestRequest {
  /** @type {AbortController | null} */
  #controller = null;
  /** @type {unknown} */
  #pending = undefined;
  #startedAt = 0;
  #work;
  #onError;

  /**
   * @param {(input: any, signal: AbortSignal) => Promise<void>} work
   * @param {(error: unknown) => void} onError
   */
  constructor(work, onError) {
    this.#work = work;
    this.#onError = onError;
  }

  /** @param {unknown} input */
  send(input) {
    if (!this.#controller) {
      this.#run(input);
      return;
    }
    this.#pending = input;
    // A long overdue response is useless once there is a newer input.
    if (performance.now() - this.#startedAt > 1500) this.#controller.abort();
  }

  /** Cancels the request in flight and any pending input. */
  cancel() {
    this.#pending = undefined;
    this.#controller?.abort();
  }

  /** @param {unknown} input */
  async #run(input) {
    const controller = new AbortController();
    this.#controller = controller;
    this.#startedAt = performance.now();
    try {
      await this.#work(input, controller.signal);
    } catch (error) {
      if (!isAbort(error)) this.#onError(error);
    }
    this.#controller = null;
    const next = this.#pending;
    this.#pending = undefined;
    if (next !== undefined) this.#run(next);
  }
}
