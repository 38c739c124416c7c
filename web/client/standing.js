import { insist } from "./insist.js";

/**
 * How the things of one kind in a conversation stand, by the steps that the log has of them.
 *
 * @template {{ seq: number }} T
 */
export class Standing {
  /** @type {Map<string, T>} */
  #things = new Map();
  #version = "";

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {"exchange" | "appointment"} type of the entries; their content names the thing by the same word
   * @param {(entry: import("./wire.js").Entry, before: T | undefined) => T} step what an entry makes of what stood before
   */
  constructor(conversation, type, step) {
    this.conversation = conversation;
    this.type = type;
    this.step = step;
  }

  /** @returns {T[]} in the order they began */
  get list() {
    return [...this.#all().values()];
  }

  /** @param {string} id @returns {T | undefined} */
  get(id) {
    return this.#all().get(id);
  }

  /** Counted anew when the run grew. */
  #all() {
    const { entries, first, last } = this.conversation;
    const version = `${first}-${last}`;
    if (version === this.#version) return this.#things;
    this.#version = version;
    this.#things = new Map();
    for (const entry of entries) {
      const id = entry.type === this.type && entry.content?.[this.type];
      if (id) this.#things.set(id, this.step(entry, this.#things.get(id)));
    }
    return this.#things;
  }

  /**
   * @template {keyof import("./wire.js").Requests} K
   * @param {K} kind
   * @param {Omit<import("./wire.js").Requests[K][0], "conversation">} body
   * @returns {Promise<import("./wire.js").Requests[K][1]>}
   */
  ask(kind, body) {
    return insist(this.conversation.session, kind, /** @type {any} */ ({ conversation: this.conversation.id, ...body }));
  }
}
