/** Who else is here and who writes just now. Neither is kept: what is lost is told again soon. */

const tellEvery = 3000;
const forgetAfter = 6000;

export class Company {
  /** @type {Set<string>} who of the conversation is connected, as far as they let it be seen */
  here = new Set();

  /** @type {Map<string, number>} who writes, and the timer that forgets it */
  #writing = new Map();
  #told = 0;
  #watching = 0;

  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    this.conversation = conversation;
  }

  /** @returns {string[]} who writes just now */
  get writing() {
    return [...this.#writing.keys()];
  }

  /** The user types: the others are told, not too often. */
  type() {
    const { session, id } = this.conversation;
    if (Date.now() - this.#told < tellEvery) return;
    this.#told = Date.now();
    session.tell("chat.typing", { conversation: id });
  }

  /** Asks who is here, now and after every return, and is told of changes. @returns {() => void} ends it */
  watch() {
    const { session } = this.conversation;
    const ask = () => void this.#ask();
    this.#watching++;
    const off = session.on("welcome", ask);
    if (session.state === "open") ask();
    return () => {
      this.#watching--;
      off();
    };
  }

  async #ask() {
    const { session, id } = this.conversation;
    await session.request("chat.presence", { conversation: id }).then((p) => this.told(p)).catch(() => {});
  }

  /** @param {import("./wire.js").Presence} presence */
  told({ here }) {
    this.here = new Set(here ?? []);
    this.conversation.changed();
  }

  /** @param {import("./wire.js").Typing} typing */
  typed({ user = "" }) {
    clearTimeout(this.#writing.get(user));
    this.#writing.set(user, setTimeout(() => this.silent(user), forgetAfter));
    this.conversation.changed();
  }

  /** Somebody stopped writing, or has sent it. @param {string} user */
  silent(user) {
    if (!this.#writing.has(user)) return;
    clearTimeout(this.#writing.get(user));
    this.#writing.delete(user);
    this.conversation.changed();
  }
}
