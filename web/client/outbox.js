import { Backoff } from "./backoff.js";
import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";
import { uuidv7 } from "./ids.js";

/**
 * Messages that the server has not acknowledged. Each one is kept, with its client id, before the first try and removed
 * after the ack: a reload, a crash or a lost connection repeats it, and the client id keeps the server from storing it
 * twice. What brings a file uploads it first, beside what else is sent; a reload in the midst goes on where it was.
 *
 * One message a conversation is under way at a time, in order of writing. A refusal that trying again can't cure marks
 * the message failed and lets the ones behind it pass; retry() and discard() are for the user to choose.
 */

/**
 * @typedef {object} Unsent
 * @property {string} cid UUIDv7, made once
 * @property {string} conversation
 * @property {string} type
 * @property {any} content without what an upload still has to give
 * @property {string} time when it was written, by this browser's clock
 * @property {Blob} [file] to be uploaded, until content.attachment names it
 * @property {string} [name] of the file
 * @property {string} [upload] names an upload that has begun
 * @property {boolean} [confirmed] the person has seen the server's warning
 * @property {number} [acked] the seq of what the server has and changed: shown until the entry itself comes
 * @property {import("./wire.js").Refusal} [failed] why it was refused
 */

/**
 * @typedef {object} UploadTask
 * @property {string} conversation
 * @property {string} kind the type of the entry
 * @property {Blob} file
 * @property {string} name
 * @property {string} [upload] an upload that has begun
 * @property {(upload: string) => void} begun
 * @property {(part: number) => void} progress from 0 to 1
 * @property {AbortSignal} signal
 */

/** @typedef {(task: UploadTask) => Promise<string>} Uploader resolves to the attachment's id */

/**
 * @typedef {object} OutboxEvents
 * @property {string} changed a conversation, what waits in it changed
 * @property {{ message: Unsent, seq: number, time: string, changed: boolean }} sent changed: what is stored is not what was sent, the log has it
 * @property {{ message: Unsent, error: ParleyError }} refused for good, or until it is confirmed
 */

/** Entries that change another one. They are no messages: when one is refused there is nothing to show as failed. */
export const changes = new Set(["edit", "recall", "reaction"]);

const uploadsAtOnce = 2;

/** @extends {Emitter<OutboxEvents>} */
export class Outbox extends Emitter {
  /** @type {Map<string, Unsent>} by client id, in order of writing */
  #unsent = new Map();
  /** @type {Map<string, string>} conversation → the client id under way */
  #busy = new Map();
  /** @type {Map<string, { part: number, abort: AbortController }>} uploads under way, by client id */
  #uploads = new Map();
  #backoff = new Backoff({ first: 1000 });
  #wake = 0;
  #user = "";

  /**
   * @param {import("./session.js").Session} session
   * @param {import("./keep.js").Keep} keep
   * @param {Uploader} upload
   */
  constructor(session, keep, upload) {
    super();
    this.session = session;
    this.keep = keep;
    this.upload = upload;
    session.on("welcome", ({ user }) => void this.#load(user).then(() => this.#flush()));
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
    return [...this.#unsent.values()].filter((m) => !m.failed && !m.acked).length;
  }

  /**
   * @param {string} cid
   * @returns {boolean} whether the message is under way this moment
   */
  sending(cid) {
    return this.#uploads.has(cid) || [...this.#busy.values()].includes(cid);
  }

  /** @param {string} cid @returns {number | undefined} how much of its file is uploaded, from 0 to 1; undefined of none */
  progress(cid) {
    return this.#uploads.get(cid)?.part;
  }

  /**
   * @param {string} conversation
   * @param {string} type
   * @param {any} content
   * @param {{ file?: Blob, name?: string }} [more]
   * @returns {Unsent} the message; it is sent once it is kept
   * @throws {ParleyError} "away" before the first welcome: until then nobody knows whose outbox it is
   */
  put(conversation, type, content, { file, name } = {}) {
    if (!this.#user) throw new ParleyError("away");
    /** @type {Unsent} */
    const message = { cid: uuidv7(), conversation, type, content, time: new Date().toISOString(), ...(file && { file, name }) };
    void this.#kept(message).then(() => this.#flush());
    return message;
  }

  /**
   * Tries a failed message again, under the same client id.
   *
   * @param {string} cid
   * @param {{ confirmed?: boolean }} [how] confirmed: the person has seen the warning and sends it all the same
   */
  retry(cid, { confirmed } = {}) {
    const message = this.#unsent.get(cid);
    if (!message) return;
    const { failed, ...again } = message;
    void this.#kept(confirmed ? { ...again, confirmed } : again).then(() => this.#flush());
  }

  /** Forgets a message: it arrived by another way, or the user gave it up. @param {string} cid */
  discard(cid) {
    const message = this.#unsent.get(cid);
    if (!message) return;
    this.#unsent.delete(cid);
    this.#uploads.get(cid)?.abort.abort();
    this.#forget(cid);
    this.emit("changed", message.conversation);
  }

  /** The log of a conversation is read up to seq: what was acknowledged there needs no stand-in. @param {string} conversation @param {number} seq */
  settle(conversation, seq) {
    for (const m of this.of(conversation)) if (m.acked && m.acked <= seq) this.discard(m.cid);
  }

  /** What can't be removed is sent again after a reload, and the server then says that it has it. @param {string} cid */
  #forget(cid) {
    this.keep.remove(this.#user, cid).catch(() => {});
  }

  /** @param {Unsent} message */
  async #kept(message) {
    this.#unsent.set(message.cid, message);
    this.emit("changed", message.conversation);
    try {
      await this.keep.put(this.#user, message);
    } catch {
      // Storage is full or forbidden: the message still goes out from memory, it only doesn't survive a reload.
    }
    const known = this.#unsent.get(message.cid);
    if (!known || known.acked) this.#forget(message.cid);
  }

  /** Reads what an earlier page of this user, or another tab, left. @param {string} user */
  async #load(user) {
    if (user !== this.#user) this.#unsent.clear();
    this.#user = user;
    const found = await this.keep.load(user).catch(() => []);
    const fresh = found.filter((m) => !this.#unsent.has(m.cid));
    if (!fresh.length || user !== this.#user) return;
    const all = [...this.#unsent.values(), ...fresh].sort((a, b) => (a.cid < b.cid ? -1 : 1));
    this.#unsent = new Map(all.map((m) => [m.cid, m]));
    for (const conversation of new Set(fresh.map((m) => m.conversation))) this.emit("changed", conversation);
  }

  #flush() {
    clearTimeout(this.#wake);
    this.#wake = 0;
    if (this.session.state !== "open") return;
    for (const message of this.#unsent.values()) {
      if (message.failed || message.acked) continue;
      if (message.file) void this.#send(message);
      else if (!this.#busy.has(message.conversation)) void this.#say(message);
    }
  }

  /** @param {Unsent} message */
  async #say({ conversation, cid, type, content, confirmed }) {
    this.#busy.set(conversation, cid);
    try {
      const ack = await this.session.request("chat.send", { conversation, cid, type, content, ...(confirmed && { confirmed }) });
      this.#backoff.reset();
      this.#acknowledged(cid, ack);
    } catch (error) {
      this.#refused(cid, ParleyError.of(error));
    } finally {
      this.#busy.delete(conversation);
    }
    if (!this.#wake) this.#flush();
  }

  /** A repeat may have been changed the first time. @param {string} cid @param {import("./wire.js").Requests["chat.send"][1]} ack */
  #acknowledged(cid, { seq, time, changed, dup }) {
    const message = this.#unsent.get(cid);
    if (!message) return;
    const other = Boolean(changed || dup);
    if (other) {
      this.#unsent.set(cid, { ...message, acked: seq });
      this.#forget(cid);
    }
    this.emit("sent", { message, seq, time, changed: other });
    if (!other) this.discard(cid);
  }

  /** Uploads the file of a message, which is then one like any other. @param {Unsent} message */
  async #send({ cid, conversation, type, file, name, upload }) {
    if (!file || this.#uploads.has(cid) || this.#uploads.size >= uploadsAtOnce) return;
    const abort = new AbortController();
    const under = { part: 0, abort };
    this.#uploads.set(cid, under);
    this.emit("changed", conversation);
    try {
      const attachment = await this.upload({
        conversation, kind: type, file, name: name ?? "", upload, signal: abort.signal,
        begun: (id) => void this.#update(cid, { upload: id }),
        progress: (part) => {
          under.part = part;
          this.emit("changed", conversation);
        },
      });
      this.#backoff.reset();
      const message = this.#unsent.get(cid);
      if (message) await this.#update(cid, { content: { ...message.content, attachment }, file: undefined });
    } catch (error) {
      if (!abort.signal.aborted) this.#refused(cid, ParleyError.of(error));
    } finally {
      this.#uploads.delete(cid);
      this.emit("changed", conversation);
    }
    if (!this.#wake) this.#flush();
  }

  /** @param {string} cid @param {Partial<Unsent>} change */
  async #update(cid, change) {
    const message = this.#unsent.get(cid);
    if (message) await this.#kept({ ...message, ...change });
  }

  /**
   * @param {string} cid
   * @param {ParleyError} error
   */
  #refused(cid, error) {
    const message = this.#unsent.get(cid);
    if (!message || (this.session.state !== "open" && (error.id === "away" || error.id === "closed"))) return;
    if (error.retry) {
      clearTimeout(this.#wake);
      this.#wake = setTimeout(() => this.#flush(), this.#backoff.next(error.retryAfter));
      return;
    }
    const failed = { id: error.id, text: error.text };
    if (changes.has(message.type) && error.id !== "confirm_needed") this.discard(cid);
    else void this.#update(cid, { failed });
    this.emit("refused", { message: { ...message, failed }, error });
  }
}
