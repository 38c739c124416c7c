/** What the tests of the client library stand on where they need neither a browser nor a server. */

globalThis.document = /** @type {any} */ (Object.assign(new EventTarget(), { visibilityState: "visible" }));

const { ParleyError } = await import("../client/errors.js");
const { Emitter } = await import("../client/events.js");
const { MemoryKeep } = await import("../client/keep.js");
const { Outbox } = await import("../client/outbox.js");

/** A log on a "server" that answers as PROTOCOL.md says, and a session to it that can be cut. */
export class FakeSession extends Emitter {
  state = "open";
  welcome = { user: "me" };
  /** @type {any[]} */
  log = [];
  /** @type {[string, any][]} */
  asked = [];
  /** @type {Record<string, (body: any) => any>} */
  answers = {
    "chat.read": ({ after = 0, before, limit }) => {
      const entries = before ? this.log.filter((e) => e.seq < before).slice(-limit) : this.log.filter((e) => e.seq > after).slice(0, limit);
      return { entries, head: this.log.length };
    },
    "chat.mark": () => ({}),
    "chat.send": ({ cid, type, content }) => {
      const known = this.log.find((e) => e.cid === cid);
      const { seq, time } = known ?? this.add("me", type, content, cid);
      return { cid, seq, time, dup: Boolean(known) };
    },
  };

  /** @param {string} sender @param {string} text @param {string} [cid] */
  write(sender, text, cid) {
    return this.add(sender, "text", { text }, cid);
  }

  /** @param {string} sender @param {string} type @param {any} content @param {string} [cid] */
  add(sender, type, content, cid) {
    const entry = { conversation: "c", seq: this.log.length + 1, sender, cid, time: "2026-03-09T09:30:00Z", type, content };
    this.log.push(entry);
    return entry;
  }

  /** @param {string} kind @param {any} body */
  async request(kind, body) {
    this.asked.push([kind, body]);
    if (this.state !== "open") throw new ParleyError("away");
    return this.answers[kind](body);
  }

  /** @param {string} kind @param {any} body */
  tell(kind, body) {
    this.asked.push([kind, body]);
  }
}

/** @param {any} session @param {any} [keep] @param {any} [upload] */
export const outboxOf = (session, keep = new MemoryKeep(), upload = undefined) => new Outbox(session, keep, upload);

/** Lets everything happen that waits for nothing but promises. */
export const settled = async () => {
  for (let i = 0; i < 10; i++) await new Promise((next) => setImmediate(next));
};


const { Conversation } = await import("../client/conversation.js");

/** A conversation between "me" and "you" over a fake session. @param {any} session @param {any} outbox @param {any} [more] */
export function conversationOf(session, outbox, more = {}) {
  const member = (/** @type {string} */ user, /** @type {string} */ role) => ({ user, role, name: user, delivered: 0, read: 0 });
  return new Conversation({ id: "c", members: [member("me", "candidate"), member("you", "recruiter")], head: session.log.length, last: session.log.at(-1), unread: 0, ...more }, session, outbox);
}
