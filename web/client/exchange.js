import { insist } from "./insist.js";
import { uuidv7 } from "./ids.js";
import { Standing } from "./standing.js";

/**
 * The exchange of phone, WeChat or resume. The steps stand in the log; what was exchanged does not, it is asked for each
 * time and can be read only while both sides consent (T3, T5, T6).
 *
 *   requested ──▶ accepted ──▶ withdrawn
 *       └──▶ declined, expired, withdrawn, unavailable
 */

/** @typedef {import("./wire.js").ExchangeContent & { seq: number, asker: string }} Exchange where it stands; asker asked first */

/**
 * @typedef {object} Given
 * @property {string} [value] one's own WeChat id, for "wechat"
 * @property {import("./wire.js").ResumeCard} [card] of a candidate's resume
 * @property {string} [attachment] its file, uploaded before; it reaches recruiters only (T6)
 * @property {boolean} [confirmed] the warning of a confirm_needed was seen
 */

/** @extends {Standing<Exchange>} */
export class ExchangesOf extends Standing {
  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    super(conversation, "exchange", (entry, before) => ({
      ...entry.content, seq: entry.seq, asker: before?.asker ?? entry.content.by ?? entry.sender ?? "",
    }));
  }

  /** The request that waits for an answer. @param {import("./wire.js").What} what @returns {Exchange | undefined} */
  pending(what) {
    return this.list.find((e) => e.what === what && e.step === "requested");
  }

  /** What holds. @param {import("./wire.js").What} what @returns {Exchange | undefined} */
  held(what) {
    return this.list.findLast((e) => e.what === what && e.step === "accepted");
  }

  /** @param {boolean} before @returns {boolean} whether anything exchanged holds, as far as the run tells */
  holds(before) {
    if (this.list.some((e) => e.step === "accepted")) return true;
    return before && !this.list.some((e) => e.step === "withdrawn");
  }

  /**
   * @param {import("./wire.js").What} what
   * @param {Given & { cid?: string }} [given] cid of a request that is repeated
   */
  request(what, { cid = uuidv7(), ...given } = {}) {
    return this.ask("exchange.request", { cid, what, ...given });
  }

  /** @param {string} exchange @param {Given} [given] */
  accept(exchange, given = {}) {
    return this.ask("exchange.answer", { exchange, accept: true, ...given });
  }

  /** @param {string} exchange */
  decline(exchange) {
    return this.ask("exchange.answer", { exchange, accept: false });
  }

  /** Takes one's request or consent back, for good (R3). @param {string} exchange */
  withdraw(exchange) {
    return this.ask("exchange.withdraw", { exchange });
  }

  /** What the other side gave. @param {string} exchange @returns {Promise<import("./wire.js").ExchangeValue>} */
  read(exchange) {
    return insist(this.conversation.session, "exchange.read", { conversation: this.conversation.id, exchange });
  }
}
