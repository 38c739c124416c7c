import { AppointmentsOf } from "./appointment.js";
import { ExchangesOf } from "./exchange.js";
import { insist } from "./insist.js";
import { uuidv7 } from "./ids.js";
import { shownEntry, shownUnsent, withChanges } from "./message.js";
import { changes } from "./outbox.js";
import { Company } from "./presence.js";
import { Run } from "./run.js";

/** One conversation: its log, who has read how far, who is here, and all that one may do in it. */

/** @typedef {import("./wire.js").Entry} Entry */
/** @typedef {import("./wire.js").Member} Member */
/** @typedef {import("./message.js").Message} Message */
/** @typedef {import("./message.js").MessageState} MessageState */

const markDelay = 120;
/** The server's own limits; what is later is refused. In milliseconds. */
const recallWithin = 2 * 60_000;
const editWithin = 24 * 3_600_000;

/** Entries that count neither as unread nor as something said. */
const silent = new Set(["system", ...changes]);

/** @extends {Run<{ change: Conversation, arrived: Entry }>} change comes at most once a microtask; arrived for what others add live */
export class Conversation extends Run {
  title = "";
  /** @type {Member[]} */
  members = [];
  unread = 0;
  /** Something was exchanged here and holds. */
  exchanged = false;
  /** The state of the last appointment, "" without one. @type {import("./wire.js").AppointmentStep | ""} */
  appointed = "";

  /** @type {Map<number, string>} what this browser recalled, to be written again */
  #recalled = new Map();
  #attending = 0;
  #marking = 0;
  #announcing = false;

  /**
   * @param {import("./wire.js").Conversation} info
   * @param {import("./session.js").Session} session
   * @param {import("./outbox.js").Outbox} outbox
   */
  constructor(info, session, outbox) {
    super(info, session);
    this.outbox = outbox;
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

  /** Sends a text; it is kept and retried until the server has it. @param {string} text @param {{ reply?: number }} [how] reply: the seq that it answers */
  send(text, { reply } = {}) {
    return this.outbox.put(this.id, "text", { text, ...(reply && { reply }) });
  }

  /**
   * Sends a picture, a voice message, a video or another file; what kind is told by the file's type.
   *
   * @param {Blob} file
   * @param {{ name?: string, text?: string, reply?: number, type?: "picture" | "voice" | "video" | "file" }} [how] text: said with it
   */
  sendFile(file, { name = file instanceof File ? file.name : "", text, reply, type = kindOf(file) } = {}) {
    return this.outbox.put(this.id, type, { ...(text && { text }), ...(reply && { reply }) }, { file, name });
  }

  /** A candidate's resume: the card, and for a recruiter the file. @param {import("./wire.js").ResumeCard} card @param {File} [file] */
  sendResume(card, file) {
    return this.outbox.put(this.id, "resume", { card }, file && { file, name: file.name });
  }

  /** @param {import("./wire.js").JobContent} job */
  sendJob(job) {
    return this.outbox.put(this.id, "job", job);
  }

  /** An own text reads so from now on; the original stays evidence (E1). @param {number} seq @param {string} text */
  edit(seq, text) {
    return this.outbox.put(this.id, "edit", { target: seq, text });
  }

  /** Hides an own message from the others; the original stays evidence (E1). @param {number} seq */
  recall(seq) {
    const was = this.entry(seq);
    if (was?.type === "text") this.#recalled.set(seq, was.content.text);
    return this.outbox.put(this.id, "recall", { target: seq });
  }

  /** What stood in an entry that this page recalled. @param {number} seq @returns {string} */
  recalled(seq) {
    return this.#recalled.get(seq) ?? "";
  }

  /** Puts one's mark on a message, or takes it off. @param {number} seq @param {string} emoji @param {boolean} [on] */
  react(seq, emoji, on = true) {
    return this.outbox.put(this.id, "reaction", { target: seq, emoji, ...(!on && { off: true }) });
  }

  /** What may be done with a message just now. @param {Message} m */
  may(m) {
    const there = m.seq > 0 && !m.content?.recalled && !m.content?.erased;
    const age = Date.now() + this.session.clockOffset - m.time.getTime();
    const said = there && sayable.has(m.type);
    return {
      reply: said, react: said,
      edit: said && m.mine && m.type === "text" && age < editWithin,
      recall: said && m.mine && age < recallWithin,
      report: said && !m.mine,
    };
  }

  /**
   * Where an attachment of an entry can be read, for a minute (T6, T9).
   *
   * @param {number} seq
   * @param {{ thumb?: boolean, download?: boolean }} [how] download: to be saved on a device
   * @returns {Promise<string>}
   */
  async address(seq, { thumb, download } = {}) {
    const { url } = await this.session.request("attach.open", { conversation: this.id, seq, ...(thumb && { thumb }), ...(download && { download }) });
    return new URL(url, this.session.options.url.replace(/^ws/, "http")).href;
  }

  /** Lets the other side see the candidate's full name; it can't be taken back. */
  async disclose() {
    await this.session.request("chat.disclose", { conversation: this.id });
  }

  /**
   * Tells the platform of what others wrote; the entries are attached as evidence.
   *
   * @param {number[]} seqs
   * @param {import("./wire.js").ReportReason} reason
   * @param {string} [note]
   * @returns {Promise<string>} names the report
   */
  async report(seqs, reason, note = "") {
    const body = { conversation: this.id, cid: uuidv7(), seqs, reason, ...(note && { note }) };
    return (await insist(this.session, "chat.report", body)).report;
  }

  /** Keeps a member, or everybody of the member's company, from writing to oneself. @param {string} user @param {{ company?: boolean, off?: boolean }} [how] */
  async block(user, { company, off } = {}) {
    await insist(this.session, "people.block", { conversation: this.id, user, ...(company && { company }), ...(off && { off }) });
  }

  /**
   * A candidate's counters of the last day, for a recruiter.
   *
   * @returns {Promise<import("./wire.js").Insight | null>} null where there are none to see (T11)
   */
  async insight() {
    return this.session.request("insight.get", { conversation: this.id }).catch((error) => {
      if (error.id === "away") throw error;
      return null;
    });
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

/** What people say, in contrast to what the server writes of them. */
const sayable = new Set(["text", "picture", "voice", "video", "file", "resume", "job"]);

/** @param {Blob} file @returns {"picture" | "voice" | "video" | "file"} */
function kindOf({ type }) {
  if (/^image\/(jpeg|png|gif|webp)$/.test(type)) return "picture";
  if (type.startsWith("audio/")) return "voice";
  return type === "video/mp4" || type === "video/webm" || type === "video/quicktime" ? "video" : "file";
}
