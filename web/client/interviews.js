import { Emitter } from "./events.js";
import { Interview } from "./interview.js";
import { SeatStore } from "./seats.js";

/** The interviews the user is invited to, and the one seat this tab may hold. */

/**
 * @typedef {object} InterviewsEvents
 * @property {Interview} change an interview is new or changed
 * @property {Interview} returned after a reload this tab takes its seat again
 * @property {import("./interview.js").Receipt} receipt signed heads arrived and were kept
 */

const stages = ["", "open", "live", "ended"];
const pushGrace = 3000;

/** @extends {Emitter<InterviewsEvents>} */
export class Interviews extends Emitter {
  /** @type {Map<string, Interview>} */
  #all = new Map();

  /**
   * @param {import("./session.js").Session} session
   * @param {{ tab: Storage, durable: Storage }} storage
   */
  constructor(session, { tab, durable }) {
    super();
    this.session = session;
    this.store = new SeatStore(tab, durable);
    session.on("welcome", (welcome) => this.#welcomed(welcome));
    session.on("state", (state) => this.#moved(state));
    session.on("push", ({ kind, body }) => {
      if (kind === "interview.state") this.#take(body);
      if (kind === "interview.dropped") this.get(body.interview)?.dropped(body.reason);
      if (kind === "interview.receipt") this.#keep(body);
      if (kind === "chat.entry" && body.type === "interview") this.#told(body.content);
    });
  }

  /** @param {string} id @returns {Interview | undefined} */
  get(id) {
    return this.#all.get(id);
  }

  /** The interview of a conversation that is not over. @param {string} conversation @returns {Interview | undefined} */
  of(conversation) {
    return [...this.#all.values()].find((i) => i.info.conversation === conversation && i.state !== "ended");
  }

  /** The interview in which this tab sits. @returns {Interview | undefined} */
  get current() {
    return [...this.#all.values()].find((i) => i.seat !== "out");
  }

  /** Opens an interview in a conversation, or finds the one that is open there. @param {string} conversation */
  async open(conversation) {
    return this.#take(await this.session.request("interview.open", { conversation }));
  }

  /** The receipt that this browser keeps. @param {string} interview @returns {import("./interview.js").Receipt | null} */
  receipt(interview) {
    return this.store.receipt(this.session.welcome?.user ?? "", interview);
  }

  /**
   * Gets the receipt from the server, for a browser that was not there when it was pushed, and keeps it.
   *
   * @param {string} interview
   * @returns {Promise<import("./interview.js").Receipt | null>} null when nothing was sealed
   */
  async fetchReceipt(interview) {
    const { heads } = await this.session.request("interview.receipts", { interview });
    if (heads?.length) this.#keep({ interview, heads });
    return this.receipt(interview);
  }

  /**
   * The log tells of a state that no push brought: pushes may be lost, entries are not. What is still unknown after a
   * while comes with the next welcome.
   *
   * @param {import("./wire.js").InterviewContent} told
   */
  #told({ interview, state }) {
    const behind = () => stages.indexOf(this.get(interview)?.state ?? "") < stages.indexOf(state);
    if (behind()) setTimeout(() => behind() && this.session.refresh(), pushGrace);
  }

  /** @param {import("./wire.js").Welcome} welcome */
  #welcomed({ user, interviews, time }) {
    const now = interviews ?? [];
    for (const info of now) this.#take(info);
    for (const known of this.#all.values()) {
      if (known.state !== "ended" && !now.some((i) => i.id === known.id)) this.#take({ ...known.info, state: "ended", ended: time, recording: false });
      else void known.back();
    }
    this.#resume(user);
  }

  /** @param {string} user */
  #resume(user) {
    const held = this.store.held(user);
    const interview = held && this.get(held.interview);
    if (!held || this.current) return;
    if (!interview || interview.state === "ended" || !interview.agreed) return this.store.release(user, held.interview);
    void interview.resume(held);
    this.emit("returned", interview);
  }

  /** @param {import("./session.js").SessionState} state */
  #moved(state) {
    if (state === "away") this.current?.away();
    if (state === "closed") this.current?.stop();
  }

  /** @param {import("./wire.js").Interview} info @returns {Interview} */
  #take(info) {
    const known = this.get(info.id);
    if (known) {
      known.take(info);
      return known;
    }
    const interview = new Interview(info, this.session, this.store);
    this.#all.set(info.id, interview);
    interview.on("change", () => this.emit("change", interview));
    this.emit("change", interview);
    return interview;
  }

  /** @param {import("./interview.js").Receipt} receipt */
  #keep({ interview, heads }) {
    const receipt = { interview, heads };
    if (!heads?.length) return;
    this.store.keep(this.session.welcome?.user ?? "", receipt);
    this.emit("receipt", receipt);
    const known = this.get(interview);
    if (known) this.emit("change", known);
  }
}
