import { Backoff } from "./backoff.js";
import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";
import { uuidv7 } from "./ids.js";

/**
 * Messages that the server has not acknowledged. Each one is written to storage, with its client id, before the first
 * try and removed after the ack: a reload, a crash or a lost connection repeats it, and the client id keeps the server
 * from storing it twice. Every message has a storage key of its own, so several tabs share an outbox without a lock.
 *
 * One message a conversation is under way at a time, in order of writing. A refusal that trying again can't cure marks
 * the message failed and lets the ones behind it pass; retry() and discard() are for the user to choose.
 */

/**
 * @typedef {object} Unsent
 * @property {string} cid UUIDv7, made once
 * @property {string} conversation
 * @property {string} type
 * @property {any} content
 * @property {string} time when it was written, by this browser's clock
 * @property {import("./wire.js").Refusal} [failed] why it was refused
 */

/** @typedef {{ changed: string, sent: { cid: string, conversation: string, seq: number, time: string } }} OutboxEvents */

/** @extends {Emitter<OutboxEvents>} */
export class Outbox extends Emitter {
  /** @type {Map<string, Unsent>} by client id, in order of writing */
  #unsent = new Map();
  /** @type {Map<string, string>} conversation → the client id under way */
  #busy = new Map();
  #backoff = new Backoff({ first: 1000 });
  #wake = 0;
  #user = "";

  /**
   * @param {import("./session.js").Session} session
   * @param {Storage} storage
   */
  constructor(session, storage) {
    super();
    this.session = session;
    this.storage = storage;
    session.on("welcome", ({ user }) => {
      this.#load(user);
      this.#flush();
    });
  }

  /**
   * @param {string} conversation
   * @returns {Unsent[]} what waits in that conversation, oldest first
   */
  of(conversation) {
    return [...this.#unsent.values()].filter((m) => m.conversation === conversation);
  }

  /** How many messages wait for the connection (failed ones don't count). */
  get queued() {
    return [...this.#unsent.values()].filter((m) => !m.failed).length;
  }

  /**
   * @param {string} cid
   * @returns {boolean} whether the message is under way this moment
   */
  sending(cid) {
    return [...this.#busy.values()].includes(cid);
  }

  /**
   * @param {string} conversation
   * @param {string} type
   * @param {any} content
   * @returns {Unsent} the message, already kept
   * @throws {ParleyError} "away" before the first welcome: until then nobody knows whose outbox it is
   */
  put(conversation, type, content) {
    if (!this.#user) throw new ParleyError("away");
    const message = { cid: uuidv7(), conversation, type, content, time: new Date().toISOString() };
    this.#keep(message);
    this.#flush();
    return message;
  }

  /** Tries a failed message again, under the same client id. @param {string} cid */
  retry(cid) {
    const message = this.#unsent.get(cid);
    if (!message) return;
    const { failed, ...again } = message;
    this.#keep(again);
    this.#flush();
  }

  /** Forgets a message: it arrived by another way, or the user gave it up. @param {string} cid */
  discard(cid) {
    const message = this.#unsent.get(cid);
    if (!message) return;
    this.#unsent.delete(cid);
    this.storage.removeItem(this.#key(cid));
    this.emit("changed", message.conversation);
  }

  /** @param {string} cid */
  #key(cid) {
    return `parley.outbox.${this.#user}.${cid}`;
  }

  /** @param {Unsent} message */
  #keep(message) {
    this.#unsent.set(message.cid, message);
    try {
      this.storage.setItem(this.#key(message.cid), JSON.stringify(message));
    } catch {
      // Storage is full or forbidden: the message still goes out from memory, it only doesn't survive a reload.
    }
    this.emit("changed", message.conversation);
  }

  /** Reads what an earlier page of this user left. @param {string} user */
  #load(user) {
    this.#user = user;
    const prefix = `parley.outbox.${user}.`;
    const keys = Object.keys(this.storage).filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) {
      const cid = key.slice(prefix.length);
      if (this.#unsent.has(cid)) continue;
      const message = parse(this.storage.getItem(key));
      if (message) this.#unsent.set(cid, message);
      else this.storage.removeItem(key);
    }
    for (const conversation of new Set([...this.#unsent.values()].map((m) => m.conversation))) this.emit("changed", conversation);
  }

  #flush() {
    clearTimeout(this.#wake);
    this.#wake = 0;
    if (this.session.state !== "open") return;
    for (const message of this.#unsent.values()) {
      if (message.failed || this.#busy.has(message.conversation)) continue;
      this.#busy.set(message.conversation, message.cid);
      void this.#send(message);
    }
  }

  /** @param {Unsent} message */
  async #send({ conversation, cid, type, content }) {
    try {
      const ack = await this.session.request("chat.send", { conversation, cid, type, content });
      this.#backoff.reset();
      this.emit("sent", { cid, conversation, seq: ack.seq, time: ack.time });
      this.discard(cid);
    } catch (error) {
      this.#refused(cid, ParleyError.of(error));
    } finally {
      this.#busy.delete(conversation);
    }
    if (!this.#wake) this.#flush();
  }

  /**
   * @param {string} cid
   * @param {ParleyError} error
   */
  #refused(cid, error) {
    const message = this.#unsent.get(cid);
    if (!message || error.id === "away" || error.id === "closed") return;
    if (error.retry) {
      clearTimeout(this.#wake);
      this.#wake = setTimeout(() => this.#flush(), this.#backoff.next(error.retryAfter));
      return;
    }
    this.#keep({ ...message, failed: { id: error.id, text: error.text } });
  }
}

/**
 * @param {string | null} json
 * @returns {Unsent | null}
 */
function parse(json) {
  try {
    const message = JSON.parse(json ?? "null");
    return typeof message?.cid === "string" && typeof message.conversation === "string" ? message : null;
  } catch {
    return null;
  }
}
