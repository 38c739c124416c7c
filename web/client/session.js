import { Backoff } from "./backoff.js";
import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";

/**
 * One session with the server: connects, says hello, matches answers to requests, answers pings, renews the token and
 * comes back by itself. A request either resolves, or rejects with a ParleyError; one that was under way when the
 * connection broke rejects with "away", and whoever asked decides whether to ask again.
 *
 *   idle ── open() ──▶ connecting ──▶ open ──▶ away ──▶ connecting …
 *                                       └──▶ closed (by close(), or refused for good: `reason` says why)
 */

/** @typedef {import("./wire.js").Requests} Requests */
/** @typedef {import("./wire.js").Pushes} Pushes */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {"idle" | "connecting" | "open" | "away" | "closed"} SessionState */

/**
 * @typedef {object} SessionOptions
 * @property {string} url of the WebSocket: wss://host/v1/ws
 * @property {() => Promise<string>} token a fresh token of the user; asked at every connect and before one expires. When
 *   it rejects it is asked again later, unless with a ParleyError that trying again can't cure: then the session ends
 * @property {string} [device] stable id of this browser
 * @property {string} [lang] "zh" or "en"
 * @property {() => Record<string, number>} [resume] the last seq held of each conversation, asked at every connect
 */

/**
 * @typedef {object} SessionEvents
 * @property {SessionState} state the state changed
 * @property {Welcome} welcome connected, the first time and after every return
 * @property {{ [K in keyof Pushes]: { kind: K, body: Pushes[K] } }[keyof Pushes]} push
 */

/** What to do after a close code (PROTOCOL.md); a code not listed, or none, is retried. */
const staysClosed = new Set([1000, 1008, 1009, 4003, 4007]);
const wantsNewToken = new Set([4001, 4002]);

const requestTimeout = 15_000;
const connectTimeout = 10_000;
const renewBefore = 60_000;

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /** @type {SessionState} */
  state = "idle";
  /** @type {Welcome | null} the last welcome */
  welcome = null;
  /** @type {ParleyError | null} why the session is closed or away */
  reason = null;
  /** What to add to this browser's clock for the server's, in milliseconds. */
  clockOffset = 0;
  /** When the connection was lost, in milliseconds of Date.now(); 0 while it stands. */
  awaySince = 0;

  /** @type {WebSocket | null} */
  #socket = null;
  #backoff = new Backoff();
  #nextRef = 1;
  /** @type {Map<string, { resolve: (body: any) => void, reject: (error: ParleyError) => void, timer: number }>} */
  #waiting = new Map();
  #timers = { retry: 0, silence: 0, renew: 0 };
  #givenDelay = 0;
  #refusals = 0;
  #lastHeard = 0;
  #page = new AbortController();

  /** @param {SessionOptions} options */
  constructor(options) {
    super();
    this.options = options;
  }

  /** Connects, and stays connected until close(). */
  open() {
    if (this.state !== "idle") return;
    const { signal } = this.#page;
    addEventListener("online", () => this.#nudge(), { signal });
    addEventListener("offline", () => this.#probe(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#nudge(), { signal });
    addEventListener("pageshow", () => this.#nudge(), { signal });
    void this.#connect();
  }

  /** Connects anew, to hear from the server how everything stands. Nothing is lost by it. */
  refresh() {
    if (this.state === "open" && this.#socket) this.#drop(this.#socket, new ParleyError("away"));
  }

  /** Ends the session for good. */
  close() {
    this.#end(new ParleyError("closed"));
  }

  /**
   * Asks the server.
   *
   * @template {keyof Requests} K
   * @param {K} kind
   * @param {Requests[K][0]} body
   * @returns {Promise<Requests[K][1]>} the answer's body
   */
  request(kind, body) {
    if (this.state !== "open") return Promise.reject(new ParleyError(this.state === "closed" ? "closed" : "away"));
    return this.#ask(kind, body, requestTimeout);
  }

  /**
   * Tells the server what may be lost; nothing answers.
   *
   * @template {keyof Requests} K
   * @param {K} kind
   * @param {Requests[K][0]} body
   */
  tell(kind, body) {
    if (this.state === "open") this.#write({ kind, body });
  }

  /** @returns {Promise<number>} milliseconds to the server and back */
  async measure() {
    const start = performance.now();
    await this.request("ping", { time: new Date().toISOString() });
    return performance.now() - start;
  }

  /**
   * @template {keyof Requests} K
   * @param {K} kind
   * @param {Requests[K][0]} body
   * @param {number} timeout
   * @returns {Promise<Requests[K][1]>}
   */
  #ask(kind, body, timeout) {
    const ref = String(this.#nextRef++);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(ref)?.reject(new ParleyError("timeout")), timeout);
      this.#waiting.set(ref, { resolve, reject, timer });
      this.#write({ kind, ref, body });
    });
  }

  /** @param {{ kind: string, ref?: string, body: unknown }} frame */
  #write(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** @param {string} ref */
  #settle(ref) {
    const waiting = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  async #connect() {
    clearTimeout(this.#timers.retry);
    this.#move("connecting");
    let token;
    try {
      token = await this.options.token();
    } catch (error) {
      const reason = ParleyError.of(error);
      return reason.retry ? this.#lost(reason) : this.#end(reason);
    }
    if (this.state !== "connecting") return;
    const socket = new WebSocket(this.options.url, "parley.v1");
    this.#socket = socket;
    this.#givenDelay = 0;
    const slow = setTimeout(() => this.#drop(socket, new ParleyError("timeout")), connectTimeout);
    socket.onopen = () => this.#hello(socket, token).finally(() => clearTimeout(slow));
    socket.onmessage = (event) => socket === this.#socket && this.#receive(String(event.data));
    socket.onclose = (event) => {
      clearTimeout(slow);
      if (socket === this.#socket) this.#closed(event.code);
    };
  }

  /**
   * @param {WebSocket} socket
   * @param {string} token
   */
  async #hello(socket, token) {
    const { device, lang, resume } = this.options;
    try {
      const welcome = await this.#ask("hello", { token, device, lang, client: "parley-web", resume: resume?.() }, connectTimeout);
      this.#welcomed(welcome);
    } catch (error) {
      this.reason = ParleyError.of(error);
      this.#givenDelay = this.reason.retryAfter;
      if (!this.#refused(this.reason)) this.#drop(socket, this.reason);
    }
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#backoff.reset();
    this.#refusals = 0;
    this.reason = null;
    this.awaySince = 0;
    this.welcome = welcome;
    this.clockOffset = Date.parse(welcome.time) - Date.now() || 0;
    this.#renewLater(welcome);
    this.#heard();
    this.#move("open");
    this.emit("welcome", welcome);
  }

  /**
   * Messages hold frames on lines of their own, handled in order.
   *
   * @param {string} message
   */
  #receive(message) {
    this.#heard();
    for (const line of message.split("\n")) {
      if (line) this.#frame(JSON.parse(line));
    }
  }

  /** @param {{ kind: any, ref?: string, body: any }} frame */
  #frame({ kind, ref, body }) {
    if (ref) {
      const waiting = this.#settle(ref);
      if (kind === "error") return waiting?.reject(ParleyError.ofFrame(body));
      return waiting?.resolve(body ?? {});
    }
    this.#own[kind]?.(body);
    this.emit("push", { kind, body });
  }

  /** What a push means for the session itself. @type {Record<string, (body: any) => void>} */
  #own = {
    ping: () => this.#write({ kind: "pong", body: { time: new Date().toISOString() } }),
    error: (body) => {
      this.reason = ParleyError.ofFrame(body);
      this.#givenDelay = this.reason.retryAfter;
    },
    bye: (body) => {
      this.#givenDelay = body.retry_after ?? 0;
    },
  };

  /** Notes that the server lives; silence for more than two pings means that the connection is dead. */
  #heard() {
    this.#lastHeard = Date.now();
    clearTimeout(this.#timers.silence);
    const patience = (this.welcome?.ping_seconds ?? 20) * 2000 + 5000;
    const socket = this.#socket;
    this.#timers.silence = setTimeout(() => socket && this.#drop(socket, new ParleyError("timeout")), patience);
  }

  /** The page woke or the network is back: don't wait for a timer, and don't trust a connection that slept. */
  #nudge() {
    if (this.state === "away") return void this.#connect();
    if (this.state === "open" && Date.now() - this.#lastHeard > 3000) this.#probe();
  }

  /** Asks for a sign of life, and gives the connection up when none comes soon. */
  #probe() {
    const socket = this.#socket;
    if (this.state !== "open") return;
    this.#ask("ping", { time: new Date().toISOString() }, 4000).catch((error) => socket && this.#drop(socket, error));
  }

  /** @param {Welcome} welcome */
  #renewLater({ until, time }) {
    clearTimeout(this.#timers.renew);
    const left = Date.parse(until) - Date.parse(time) - renewBefore;
    if (Number.isNaN(left)) return;
    this.#timers.renew = setTimeout(() => void this.#renew(), Math.min(Math.max(left, 5000), 2 ** 31 - 1));
  }

  async #renew() {
    try {
      await this.request("renew", { token: await this.options.token() });
    } catch {
      // The server closes at the end of the token, and the next connect asks for a new one.
    }
  }

  /**
   * Gives up on a socket without waiting for its closing handshake, which a dead network never finishes.
   *
   * @param {WebSocket} socket
   * @param {ParleyError} error
   */
  #drop(socket, error) {
    if (socket !== this.#socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#lost(error);
  }

  /** @param {number} code */
  #closed(code) {
    const reason = this.reason ?? new ParleyError(staysClosed.has(code) ? "closed" : "away");
    if (staysClosed.has(code)) return this.#end(reason);
    if (wantsNewToken.has(code) && this.#refused(this.reason ?? new ParleyError("unauthenticated"))) return;
    this.#lost(reason);
  }

  /**
   * A refusal that a newer token may cure gets one more try; the second one, or another kind of refusal, is final.
   *
   * @param {ParleyError} error
   * @returns {boolean} whether the session is over
   */
  #refused(error) {
    if (error.retry) return false;
    if (this.#refusals++ === 0 && ["unauthenticated", "token_expired"].includes(error.id)) return false;
    this.#end(error);
    return true;
  }

  /** @param {ParleyError} error */
  #lost(error) {
    this.#socket = null;
    this.#stop(error);
    if (this.state === "closed") return;
    this.reason = error;
    this.awaySince ||= Date.now();
    this.#timers.retry = setTimeout(() => void this.#connect(), this.#backoff.next(this.#givenDelay));
    this.#move("away");
  }

  /** @param {ParleyError} error */
  #end(error) {
    this.reason = error;
    this.#move("closed");
    this.#page.abort();
    this.#stop(error);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onmessage = socket.onclose = null;
    socket?.close(1000);
  }

  /** Stops the timers and answers everybody who waits. @param {ParleyError} error */
  #stop(error) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    const away = this.state === "closed" ? error : new ParleyError("away", { cause: error });
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref)?.reject(away);
  }

  /** @param {SessionState} state */
  #move(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
  }
}
