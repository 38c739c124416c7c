import { Emitter } from "./events.js";

/**
 * An unbroken run of a conversation's log, from `first` to `last`. The log is the truth and a push only a hint: an entry
 * that doesn't continue the run makes it read what lies between.
 *
 *        1 … first-1 | first ………… last | last+1 … head
 *        older()        entries            fill()
 *
 * What edits and recalls say is put into the entries they name; those stay in the run, for they are entries as well.
 */

/** @typedef {import("./wire.js").Entry} Entry */

const pageSize = 50;
const fillSize = 200;
/** A gap longer than this is not filled: the run starts again at the head and the past is read when somebody wants it. */
const longGap = 1000;

/**
 * @template {Record<string, any>} Events
 * @extends {Emitter<Events>}
 */
export class Run extends Emitter {
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
  #announcing = false;

  /**
   * @param {{ id: string, head: number, last?: Entry }} info
   * @param {import("./session.js").Session} session
   */
  constructor(info, session) {
    super();
    this.id = info.id;
    this.session = session;
    this.first = info.head + 1;
    if (!info.last) return;
    this.entries = [info.last];
    this.first = info.last.seq;
  }

  /** The last seq of the run; everything from `first` to it is here. */
  get last() {
    return this.first + this.entries.length - 1;
  }

  /** Whether the run reaches back to the first entry. */
  get complete() {
    return this.first <= 1;
  }

  /** @param {number} seq @returns {Entry | undefined} the entry, if it is in the run */
  entry(seq) {
    return this.entries[seq - this.first];
  }

  /** Reads a page of the past. @param {number} [limit] */
  async older(limit = pageSize) {
    if (this.loading || this.complete) return;
    this.loading = true;
    this.changed();
    try {
      const { entries } = await this.session.request("chat.read", { conversation: this.id, before: this.first, limit });
      const fits = (entries ?? []).filter((e) => e.seq < this.first);
      if (fits.at(-1)?.seq === this.first - 1) {
        this.entries = [...fits, ...this.entries];
        this.first = fits[0].seq;
        this.entries.forEach((e) => this.#revise(e));
      }
    } finally {
      this.loading = false;
      this.changed();
    }
  }

  /** Reads the past until an entry is in the run. @param {number} seq @returns {Promise<Entry | undefined>} */
  async reach(seq) {
    for (let before = -1; this.first > seq && this.first !== before; ) {
      before = this.first;
      await this.older(fillSize);
    }
    return this.entry(seq);
  }

  /** @param {Entry} entry pushed by the server or confirmed by its ack */
  push(entry) {
    this.known(entry.seq);
    if (entry.seq <= this.last) return;
    this.#ahead.set(entry.seq, entry);
    this.#drain();
    if (this.last < this.head) void this.fill();
  }

  /** The log is at least that long. @param {number} head */
  known(head) {
    this.head = Math.max(this.head, head);
  }

  /** The server told a head without the entries. @param {number} head */
  behind(head) {
    this.known(head);
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
        this.known(head);
        for (const e of entries ?? []) if (e.seq > this.last) this.#ahead.set(e.seq, e);
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

  /** Moves entries that continue the run into it. */
  #drain() {
    for (let next; (next = this.#ahead.get(this.last + 1)); ) {
      this.#ahead.delete(next.seq);
      this.entries.push(next);
      this.#revise(next);
      this.took(next);
    }
    this.moved();
    this.changed();
  }

  /** Puts what an edit or recall says into the entry it names. The latest edit holds; a recall is final. @param {Entry} by */
  #revise(by) {
    if (by.type !== "edit" && by.type !== "recall") return;
    const at = Number(by.content?.target) - this.first;
    const target = this.entries[at];
    if (!target || target.sender !== by.sender || target.revised?.kind === "recall") return;
    if (by.type === "edit" && (by.content.text === undefined || (target.revised?.seq ?? 0) >= by.seq)) return;
    const content = by.type === "recall" ? { recalled: true } : { ...target.content, text: by.content.text };
    this.entries[at] = { ...target, content, revised: { seq: by.seq, kind: by.type } };
  }

  /** An entry continued the run. @param {Entry} _entry */
  took(_entry) {}

  /** The run's end may have moved. */
  moved() {}

  /** Announces a change, once for all that happens before the next microtask. */
  changed() {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      this.emit("change", /** @type {any} */ (this));
    });
  }
}
