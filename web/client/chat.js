import { Conversation } from "./conversation.js";
import { Emitter } from "./events.js";
import { Outbox } from "./outbox.js";

/**
 * The conversations of the user, kept current by pushes and brought up to date after every return: what hello could
 * resume is pushed, what a ping's heads or a "dirty" shows to be missing is read.
 */

/** How long after a welcome the server gets to push what was missed, before it is read. */
const resumeGrace = 1500;

/** @typedef {{ conversation: Conversation, entry: import("./wire.js").Entry }} Arrival */
/** @typedef {{ conversation: Conversation | undefined, message: import("./outbox.js").Unsent, error: import("./errors.js").ParleyError }} Refused */

/**
 * @typedef {object} ChatEvents
 * @property {Chat} change
 * @property {Arrival} arrived somebody else added an entry
 * @property {Refused} refused an own message was refused; with the error confirm_needed it waits for outbox.retry or outbox.discard
 */

/** @extends {Emitter<ChatEvents>} */
export class Chat extends Emitter {
  /** @type {Map<string, Conversation>} */
  #all = new Map();
  #announcing = false;
  /** Whether the list came from the server at least once. */
  ready = false;

  /**
   * @param {import("./session.js").Session} session
   * @param {Outbox} outbox
   */
  constructor(session, outbox) {
    super();
    this.session = session;
    this.outbox = outbox;
    this.outbox.on("changed", (id) => this.get(id)?.changed());
    this.outbox.on("sent", (sent) => this.#sent(sent));
    this.outbox.on("refused", ({ message, error }) => this.emit("refused", { conversation: this.get(message.conversation), message, error }));
    session.on("state", () => this.#all.forEach((c) => c.changed()));
    session.on("welcome", (welcome) => this.#welcomed(welcome));
    session.on("push", ({ kind, body }) => this.#pushes[kind]?.(body));
  }

  /**
   * @param {string} id
   * @returns {Conversation | undefined}
   */
  get(id) {
    return this.#all.get(id);
  }

  /** @returns {Conversation[]} the liveliest first */
  get list() {
    const lively = (/** @type {Conversation} */ c) => c.latest?.time.getTime() ?? 0;
    return [...this.#all.values()].sort((a, b) => lively(b) - lively(a) || (a.id < b.id ? 1 : -1));
  }

  /** How many entries nobody here has read. */
  get unread() {
    return [...this.#all.values()].reduce((sum, c) => sum + c.unread, 0);
  }

  /** How many messages wait for the connection. */
  get queued() {
    return this.outbox.queued;
  }

  /** What hello asks the server to go on from. @returns {Record<string, number>} */
  resume() {
    return Object.fromEntries([...this.#all.values()].map((c) => [c.id, c.last]));
  }

  /** @type {Record<string, (body: any) => void>} */
  #pushes = {
    "ping": ({ heads }) => Object.entries(heads ?? {}).forEach(([id, head]) => this.get(id)?.behind(Number(head))),
    "chat.entry": (entry) => this.get(entry.conversation)?.push(entry),
    "chat.cursor": (cursor) => this.get(cursor.conversation)?.cursor(cursor),
    "chat.dirty": ({ conversation, head }) => this.get(conversation)?.behind(head),
    "chat.truncated": ({ conversation, from, head }) => {
      this.get(conversation)?.restart(from);
      this.get(conversation)?.behind(head);
    },
    "chat.conversation": (info) => this.#take(info),
    "chat.typing": (typing) => this.get(typing.conversation)?.company.typed(typing),
    "presence": (presence) => this.get(presence.conversation)?.company.told(presence),
  };

  /**
   * Looks for words in one's own conversations of the last 90 days, the newest first.
   *
   * @param {string} query
   * @param {{ conversation?: string, before?: string, limit?: number }} [where] before is the searched of the page before
   * @returns {Promise<{ entries: import("./wire.js").Entry[], searched: string, more: boolean }>} with more, there may be more before searched
   */
  async search(query, { conversation, before, limit } = {}) {
    const found = await this.session.request("chat.search", { query, ...(conversation && { conversation }), ...(before && { before }), ...(limit && { limit }) });
    return { entries: found.entries ?? [], searched: found.searched, more: found.more ?? false };
  }

  /** @param {import("./wire.js").Welcome} welcome */
  #welcomed({ conversations }) {
    for (const info of conversations ?? []) this.#take(info);
    this.ready = true;
    this.#changed();
    setTimeout(() => this.#all.forEach((c) => c.behind(c.head)), resumeGrace);
  }

  /** @param {import("./wire.js").Conversation} info */
  #take(info) {
    const known = this.get(info.id);
    if (known) return known.refresh(info);
    const conversation = new Conversation(info, this.session, this.outbox);
    this.#all.set(info.id, conversation);
    conversation.on("change", () => this.#changed());
    conversation.on("arrived", (entry) => this.emit("arrived", { conversation, entry }));
    if (info.head > 0 && !info.last) void conversation.older(1).catch(() => {});
    this.#changed();
  }

  /**
   * The ack of an own message comes before or after its push; both say the same. What the server changed is read.
   *
   * @param {import("./outbox.js").OutboxEvents["sent"]} sent
   */
  #sent({ message, seq, time, changed }) {
    const { conversation, cid, type, content } = message;
    const c = this.get(conversation);
    if (!changed) return c?.push({ conversation, seq, cid, time, type, content, sender: this.session.welcome?.user });
    c?.behind(seq);
    this.outbox.settle(conversation, c?.last ?? seq);
  }

  #changed() {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      this.emit("change", this);
    });
  }
}
