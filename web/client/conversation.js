import { AppointmentsOf } from "./appointment.js";
import { ExchangesOf } from "./exchange.js";
import { shownEntry, shownUnsent, withChanges } from "./message.js";
import { changes } from "./outbox.js";
import { Company } from "./presence.js";
import { Talk } from "./talk.js";

/** One conversation: its log, who is in it, who has read how far and who is here. What one may do in it is in talk.js. */

/** @typedef {import("./wire.js").Entry} Entry */
/** @typedef {import("./wire.js").Member} Member */
/** @typedef {import("./message.js").Message} Message */
/** @typedef {import("./message.js").MessageState} MessageState */

const markDelay = 120;

/** Entries that count neither as unread nor as something said. */
const silent = new Set(["system", ...changes]);

/** @extends {Talk<{ change: Conversation, arrived: Entry }>} change comes at most once a microtask; arrived for what others add live */
export class Conversation extends Talk {
  title = "";
  /** @type {Member[]} */
  members = [];
  unread = 0;
  /** Something was exchanged here and holds. */
  exchanged = false;
  /** The state of the last appointment, "" without one. @type {import("./wire.js").AppointmentStep | ""} */
  appointed = "";

  #attending = 0;
  #marking = 0;

  /**
   * @param {import("./wire.js").Conversation} info
   * @param {import("./session.js").Session} session
   * @param {import("./outbox.js").Outbox} outbox
   */
  constructor(info, session, outbox) {
    super(info, session, outbox);
    this.exchanges = new ExchangesOf(this);
    this.appointments = new AppointmentsOf(this);
    this.company = new Company(this);
    this.refresh(info);
  }

  get #user() {
    return this.session.welcome?.user ?? "";
  }

  /** Oneself. @returns {Member | undefined} */
  get self() {
    return this.member(this.#user);
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

  /** @returns {Message[]} the run, then what waits in the outbox; edits, recalls and reactions are in what they change */
  messages() {
    const mine = this.#user;
    const waiting = this.#waiting();
    const logged = this.entries.filter((e) => !changes.has(e.type)).map((e) => shownEntry(this, e, mine));
    withChanges(logged, this.entries, waiting, mine);
    return [...logged, ...waiting.filter((m) => !changes.has(m.type)).map((m) => shownUnsent(this, m, mine))];
  }

  /** What waits in the outbox and is not in the run yet. */
  #waiting() {
    const known = new Set(this.entries.map((e) => e.cid));
    return this.outbox.of(this.id).filter((m) => !known.has(m.cid));
  }

  /** The last message, of the log or waiting. @returns {Message | undefined} */
  get latest() {
    const mine = this.#user;
    const waiting = this.#waiting().findLast((m) => !changes.has(m.type));
    if (waiting) return shownUnsent(this, waiting, mine);
    const entry = this.entries.findLast((e) => !changes.has(e.type)) ?? this.entries.at(-1);
    return entry && shownEntry(this, entry, mine);
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

  /**
   * Says that the user has this conversation open. While the page is visible, what arrives counts as read.
   *
   * @returns {() => void} ends it
   */
  attend() {
    this.#attending++;
    const mark = () => this.#mark();
    document.addEventListener("visibilitychange", mark);
    const leave = this.company.watch();
    mark();
    return () => {
      this.#attending--;
      leave();
      document.removeEventListener("visibilitychange", mark);
    };
  }

  /** Whether somebody looks at it. */
  get attended() {
    return this.#attending > 0;
  }

  /** Takes what the server says of the conversation now. @param {import("./wire.js").Conversation} info */
  refresh(info) {
    this.title = info.title ?? "";
    this.members = info.members;
    this.unread = this.#seen ? 0 : info.unread;
    this.exchanged = info.exchanged ?? false;
    this.appointed = info.appointment ?? "";
    this.known(info.head);
    this.#mark();
    this.changed();
  }

  /** @param {Entry} entry */
  took(entry) {
    this.outbox.discard(entry.cid ?? "");
    const { type, content } = entry;
    if (type === "exchange") this.exchanged = this.exchanges.holds(this.exchanged);
    if (type === "appointment") this.appointed = content.step;
    const sender = this.member(entry.sender ?? "");
    if (sender && !silent.has(type)) sender.spoke = true;
    this.company.silent(entry.sender ?? "");
    if (entry.sender === this.#user) return;
    if (!silent.has(type) && !this.#seen) this.unread++;
    this.emit("arrived", entry);
  }

  moved() {
    this.outbox.settle(this.id, this.last);
    this.#mark();
  }

  /** @param {import("./wire.js").Pushes["chat.cursor"]} cursor */
  cursor({ user, delivered, read }) {
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
      this.cursor({ conversation: this.id, user: self.user, delivered, read });
    } catch {
      // Cursors only move forward: the next mark says at least as much.
    }
  }
}
