import { Emitter } from "./events.js";

/**
 * One conversation: an unbroken run of its log, from `first` to `last`, and who has read how far. The log is the truth
 * and a push only a hint: an entry that doesn't continue the run makes the conversation read what lies between.
 *
 *        1 … first-1 | first ………… last | last+1 … head
 *        older()        entries            fill()
 */

/** @typedef {import("./wire.js").Entry} Entry */
/** @typedef {import("./wire.js").Member} Member */
/** @typedef {"queued" | "sending" | "failed" | "sent" | "delivered" | "read" | ""} MessageState "" for what others wrote */

/**
 * @typedef {object} Message an entry of the log or of the outbox, as a page shows it
 * @property {string} key stable over sending: the client id where there is one
 * @property {number} seq 0 while it waits
 * @property {string} cid
 * @property {string} sender "" for the system
 * @property {boolean} mine
 * @property {Date} time
 * @property {string} type
 * @property {any} content
 * @property {MessageState} state
 * @property {import("./wire.js").Refusal} [error] why it failed
 */

const pageSize = 50;
const fillSize = 200;
/** A gap longer than this is not filled: the run starts again at the head and the past is read when somebody wants it. */
const longGap = 1000;
const markDelay = 120;

/** @extends {Emitter<{ change: Conversation, arrived: Entry }>} change comes at most once a frame; arrived for what others add live */
export class Conversation extends Emitter {
  title = "";
  /** @type {Member[]} */
  members = [];
  unread = 0;
  head = 0;
  /** @type {Entry[]} */
  entries = [];
  /** The seq the run begins with; entries below were not read yet. */
  first = 1;
  /** Whether a page of the past is under way. */
  loading = false;

  /** @type {Map<number, Entry>} entries ahead of the run */
  #ahead = new Map();
  #filling = false;
  #attending = 0;
  #marking = 0;
  #announcing = false;

  /**
   * @param {import("./wire.js").Conversation} info
   * @param {import("./session.js").Session} session
   * @param {import("./outbox.js").Outbox} outbox
   */
  constructor(info, session, outbox) {
    super();
    this.id = info.id;
    this.session = session;
    this.outbox = outbox;
    this.first = info.head + 1;
    if (info.last) {
      this.entries = [info.last];
      this.first = info.last.seq;
    }
    this.refresh(info);
  }

  /** The last seq of the run; everything from `first` to it is here. */
  get last() {
    return this.first + this.entries.length - 1;
  }

  /** Whether the run reaches back to the first entry. */
  get complete() {
    return this.first <= 1;
  }

  get #user() {
    return this.session.welcome?.user ?? "";
  }

  /** Oneself. @returns {Member | undefined} */
  get self() {
    return this.members.find((m) => m.user === this.#user);
  }

  /** The other sides. */
  get others() {
    return this.members.filter((m) => m.user !== this.#user);
  }

  /**
   * @param {string} user
   * @returns {Member | undefined}
   */
  member(user) {
    return this.members.find((m) => m.user === user);
  }

  /** @returns {Message[]} the run, then what waits in the outbox */
  messages() {
    const mine = this.#user;
    const logged = this.entries.map((e) => this.#shown(e, mine));
    const known = new Set(this.entries.map((e) => e.cid));
    const waiting = this.outbox.of(this.id).filter((m) => !known.has(m.cid));
    return [...logged, ...waiting.map((m) => this.#waiting(m, mine))];
  }

  /** The last message, of the log or waiting. @returns {Message | undefined} */
  get latest() {
    const waiting = this.outbox.of(this.id).at(-1);
    if (waiting) return this.#waiting(waiting, this.#user);
    const entry = this.entries.at(-1);
    return entry && this.#shown(entry, this.#user);
  }

  /**
   * @param {Entry} e
   * @param {string} mine
   * @returns {Message}
   */
  #shown(e, mine) {
    const own = e.sender === mine;
    return {
      key: e.cid || `seq-${e.seq}`, seq: e.seq, cid: e.cid ?? "", sender: e.sender ?? "", mine: own,
      time: new Date(e.time), type: e.type, content: e.content, state: own ? this.stateOf(e.seq) : "",
    };
  }

  /**
   * @param {import("./outbox.js").Unsent} m
   * @param {string} mine
   * @returns {Message}
   */
  #waiting(m, mine) {
    const under = this.outbox.sending(m.cid) && this.session.state === "open";
    return {
      key: m.cid, seq: 0, cid: m.cid, sender: mine, mine: true, time: new Date(m.time), type: m.type, content: m.content,
      state: m.failed ? "failed" : under ? "sending" : "queued", error: m.failed,
    };
  }

  /**
   * @param {number} seq of an own entry
   * @returns {MessageState} what every other side has at least done with it
   */
  stateOf(seq) {
    const others = this.others;
    if (others.length && others.every((m) => m.read >= seq)) return "read";
    return others.length && others.every((m) => m.delivered >= seq) ? "delivered" : "sent";
  }

  /** Whether the user's own full name was disclosed here. */
  get disclosed() {
    const told = (/** @type {Entry} */ e) => e.type === "system" && e.content.code === "name_disclosed" && e.content.user === this.#user;
    return Boolean(this.self?.disclosed) || this.entries.some(told);
  }

  /** Sends a text; it is kept and retried until the server has it. @param {string} text */
  send(text) {
    return this.outbox.put(this.id, "text", { text });
  }

  /** Lets the other side see the candidate's full name; it can't be taken back. */
  async disclose() {
    await this.session.request("chat.disclose", { conversation: this.id });
  }

  /**
   * Says that the user has this conversation open. While the page is visible, what arrives counts as read.
   *
   * @returns {() => void} ends it
   */
  attend() {
    this.#attending++;
    const mark = () => this.#mark();
    document.addEventListener("visibilitychange", mark);
    mark();
    return () => {
      this.#attending--;
      document.removeEventListener("visibilitychange", mark);
    };
  }

  /** Reads a page of the past. @param {number} [limit] */
  async older(limit = pageSize) {
    if (this.loading || this.complete) return;
    this.loading = true;
    this.changed();
    try {
      const { entries } = await this.session.request("chat.read", { conversation: this.id, before: this.first, limit });
      const fits = entries.filter((e) => e.seq < this.first);
      if (fits.at(-1)?.seq === this.first - 1) {
        this.entries = [...fits, ...this.entries];
        this.first = fits[0].seq;
      }
    } finally {
      this.loading = false;
      this.changed();
    }
  }

  /** Takes what the server says of the conversation now. @param {import("./wire.js").Conversation} info */
  refresh(info) {
    this.title = info.title ?? "";
    this.members = info.members;
    this.unread = this.#seen ? 0 : info.unread;
    this.head = Math.max(this.head, info.head);
    this.#mark();
    this.changed();
  }

  /** @param {Entry} entry pushed by the server or confirmed by its ack */
  push(entry) {
    this.head = Math.max(this.head, entry.seq);
    if (entry.seq <= this.last) return;
    this.#ahead.set(entry.seq, entry);
    this.#drain();
    if (this.last < this.head) void this.fill();
  }

  /** Moves entries that continue the run into it. */
  #drain() {
    for (let next; (next = this.#ahead.get(this.last + 1)); ) {
      this.#ahead.delete(next.seq);
      this.entries.push(next);
      this.outbox.discard(next.cid ?? "");
      this.#count(next);
    }
    this.#mark();
    this.changed();
  }

  /** @param {Entry} entry */
  #count(entry) {
    if (entry.sender === this.#user) return;
    if (entry.type !== "system" && !this.#seen) this.unread++;
    this.emit("arrived", entry);
  }

  /** The server told a head without the entries. @param {number} head */
  behind(head) {
    this.head = Math.max(this.head, head);
    if (this.last < this.head) void this.fill();
  }

  /** Reads forward until the run reaches the head. A lost connection ends it; the next welcome begins again. */
  async fill() {
    if (this.#filling || this.session.state !== "open") return;
    if (this.head - this.last > longGap) return this.restart(this.head);
    this.#filling = true;
    try {
      while (this.last < this.head) {
        const { entries, head } = await this.session.request("chat.read", { conversation: this.id, after: this.last, limit: fillSize });
        this.head = Math.max(this.head, head);
        for (const e of entries) if (e.seq > this.last) this.#ahead.set(e.seq, e);
        const before = this.last;
        this.#drain();
        if (this.last === before) break;
      }
    } catch {
      // Nothing is lost: the run still ends where it ended, and the next push, ping or welcome finds the gap again.
    } finally {
      this.#filling = false;
    }
  }

  /** Begins the run anew above `from`: what lies below was too much to send and is read backwards when wanted. @param {number} from */
  restart(from) {
    this.entries = [];
    this.first = from + 1;
    for (const seq of this.#ahead.keys()) if (seq <= from) this.#ahead.delete(seq);
    this.#drain();
    if (!this.entries.length) void this.older().catch(() => {});
  }

  /** @param {import("./wire.js").Pushes["chat.cursor"]} cursor */
  moved({ user, delivered, read }) {
    const member = this.member(user);
    if (!member) return;
    member.delivered = Math.max(member.delivered, delivered);
    member.read = Math.max(member.read, read);
    if (user === this.#user && member.read >= this.last) this.unread = 0;
    this.changed();
  }

  get #seen() {
    return this.#attending > 0 && document.visibilityState === "visible";
  }

  /** Moves one's own cursors to the end of the run, a little later so that a burst is one frame. */
  #mark() {
    if (this.#seen) this.unread = 0;
    if (this.#marking) return;
    this.#marking = setTimeout(() => {
      this.#marking = 0;
      void this.#sendMark();
    }, markDelay);
  }

  async #sendMark() {
    const self = this.self;
    const delivered = this.last;
    const read = this.#seen ? this.last : 0;
    if (!self || (delivered <= self.delivered && read <= self.read)) return;
    try {
      await this.session.request("chat.mark", { conversation: this.id, delivered, read: Math.max(read, self.read) });
      this.moved({ conversation: this.id, user: self.user, delivered, read });
    } catch {
      // Cursors only move forward: the next mark says at least as much.
    }
  }

  /** Announces a change, once for all that happens before the next microtask. */
  changed() {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      this.emit("change", this);
    });
  }
}
