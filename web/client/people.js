import { Emitter } from "./events.js";
import { insist } from "./insist.js";

/** What the user sets for oneself and against others, and how many people may still be written to first. */

/** @typedef {import("./wire.js").Settings} Settings */

/**
 * @typedef {object} PeopleEvents
 * @property {People} change settings or quota, in this session or another one of the user
 * @property {import("./wire.js").Quota} quota the server warns that first contacts are nearly over
 */

const recruiting = new Set(["recruiter", "headhunter"]);

/** @extends {Emitter<PeopleEvents>} */
export class People extends Emitter {
  /** @type {Settings | null} null until the server has told */
  settings = null;
  /** @type {import("./wire.js").Quota | null} first contacts left today; null for who has none */
  quota = null;

  /** @param {import("./session.js").Session} session */
  constructor(session) {
    super();
    this.session = session;
    session.on("welcome", ({ role }) => void this.#ask(role));
    session.on("push", ({ kind, body }) => {
      if (kind === "settings") this.#set(body);
      if (kind === "quota") this.#count(body);
    });
  }

  /** @param {Partial<Settings>} changes replaces those settings that are named */
  async set(changes) {
    this.#set(await insist(this.session, "settings.set", changes));
  }

  /** @returns {Promise<import("./wire.js").Blocked[]>} the newest first */
  async blocks() {
    return (await this.session.request("people.blocks", {})).blocks ?? [];
  }

  /** Takes a block back. @param {import("./wire.js").Blocked} blocked */
  async unblock({ conversation, user = "", company }) {
    await insist(this.session, "people.block", { conversation, user, ...(company && { company: true }), off: true });
  }

  /** @param {string} role */
  async #ask(role) {
    await this.session.request("settings.get", {}).then((s) => this.#set(s)).catch(() => {});
    if (recruiting.has(role)) await this.session.request("quota.get", {}).then((q) => this.#count(q)).catch(() => {});
  }

  /** @param {Settings} settings */
  #set(settings) {
    const { notices, reminders, greetings, replies, hide, quiet } = settings;
    this.settings = { ...settings, notices: notices ?? {}, reminders: reminders ?? [], greetings: greetings ?? [], replies: replies ?? [], hide: hide ?? {}, quiet: quiet ?? {} };
    this.emit("change", this);
  }

  /** @param {import("./wire.js").Quota} quota */
  #count(quota) {
    const warned = this.quota?.warn ?? false;
    this.quota = quota;
    this.emit("change", this);
    if (quota.warn && !warned) this.emit("quota", quota);
  }
}
