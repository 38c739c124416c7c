/**
 * The signed heads of conversations that this browser saw. Each one commits to everything said before it, so the ones kept
 * here let anybody check later that a transcript was not changed, shortened or begun anew (E6).
 */

/** @typedef {import("./wire.js").ChatReceipt} ChatReceipt */

/** After the last entry came, in milliseconds: the server seals every 2 s. */
const settleTime = 6000;
const mostKept = 20;

export class Heads {
  /** @type {Map<string, number>} conversation → timer */
  #timers = new Map();

  /**
   * @param {import("./session.js").Session} session
   * @param {import("./chat.js").Chat} chat
   * @param {Storage} storage
   */
  constructor(session, chat, storage) {
    this.session = session;
    this.storage = storage;
    chat.on("change", ({ list }) => list.filter((c) => c.attended).forEach((c) => this.#later(c)));
    session.on("push", ({ kind, body }) => kind === "chat.receipt" && this.#keep(body));
    session.on("state", (state) => state === "closed" && this.#timers.forEach((timer) => clearTimeout(timer)));
  }

  /** The heads of a conversation that this browser keeps, the newest first. @param {string} conversation @returns {ChatReceipt[]} */
  kept(conversation) {
    try {
      return JSON.parse(this.storage.getItem(this.#key(conversation)) ?? "[]");
    } catch {
      return [];
    }
  }

  /** Asks the server for the last signed head and keeps it. @param {string} conversation @returns {Promise<ChatReceipt>} */
  async fetch(conversation) {
    const receipt = await this.session.request("chat.receipt.get", { conversation });
    this.#keep(receipt);
    return receipt;
  }

  /** @param {string} conversation */
  #key(conversation) {
    return `parley.heads.${this.session.welcome?.user ?? ""}.${conversation}`;
  }

  /** @param {import("./conversation.js").Conversation} c */
  #later({ id, last }) {
    if (this.#timers.has(id) || (this.kept(id)[0]?.entries ?? 0) >= last || last === 0) return;
    this.#timers.set(id, setTimeout(() => {
      this.#timers.delete(id);
      if (this.session.state === "open") void this.fetch(id).catch(() => {});
    }, settleTime));
  }

  /** @param {ChatReceipt} receipt */
  #keep(receipt) {
    const before = this.kept(receipt.conversation).filter((r) => r.head !== receipt.head);
    const all = [receipt, ...before].sort((a, b) => b.entries - a.entries).slice(0, mostKept);
    try {
      this.storage.setItem(this.#key(receipt.conversation), JSON.stringify(all));
    } catch {
      // Storage is full or forbidden: the server still has it.
    }
  }
}
