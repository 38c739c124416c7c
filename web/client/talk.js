import { insist } from "./insist.js";
import { uuidv7 } from "./ids.js";
import { Run } from "./run.js";

/** What a member may do in a conversation: say things by the outbox, change what was said, and ask the server. */

/** @typedef {import("./message.js").Message} Message */

/** The server's own limits; what is later is refused. In milliseconds. */
const recallWithin = 2 * 60_000;
const editWithin = 24 * 3_600_000;

/**
 * @template {Record<string, any>} Events
 * @extends {Run<Events>}
 */
export class Talk extends Run {
  /** @type {Map<number, string>} what this page recalled, to be written again */
  #recalled = new Map();

  /**
   * @param {{ id: string, head: number, last?: import("./wire.js").Entry }} info
   * @param {import("./session.js").Session} session
   * @param {import("./outbox.js").Outbox} outbox
   */
  constructor(info, session, outbox) {
    super(info, session);
    this.outbox = outbox;
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
}

/** What people say, in contrast to what the server writes of them. */
const sayable = new Set(["text", "picture", "voice", "video", "file", "resume", "job"]);

/** @param {Blob} file @returns {"picture" | "voice" | "video" | "file"} */
function kindOf({ type }) {
  if (type.startsWith("image/")) return "picture";
  if (type.startsWith("audio/")) return "voice";
  return type === "video/mp4" || type === "video/webm" || type === "video/quicktime" ? "video" : "file";
}
