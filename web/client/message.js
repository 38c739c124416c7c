/** Entries of the log and messages of the outbox as a page shows them. */

/** @typedef {import("./wire.js").Entry} Entry */
/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {"queued" | "sending" | "failed" | "sent" | "delivered" | "read" | ""} MessageState "" for what others wrote */

/**
 * @typedef {object} Message
 * @property {string} key stable over sending: the client id where there is one
 * @property {number} seq 0 while it waits
 * @property {string} cid
 * @property {string} sender "" for the system
 * @property {boolean} mine
 * @property {Date} time
 * @property {string} type
 * @property {any} content
 * @property {MessageState} state
 * @property {boolean} masked it is less than the sender wrote (T6)
 * @property {"edit" | "recall" | ""} revised
 * @property {Map<string, string[]>} reactions emoji → users
 * @property {import("./wire.js").Refusal} [error] why it failed
 * @property {Blob} [file] what is to be uploaded
 * @property {string} [name] of the file
 * @property {number} [progress] of its upload, from 0 to 1
 */

/**
 * @param {Conversation} c
 * @param {Entry} e
 * @param {string} mine
 * @returns {Message}
 */
export function shownEntry(c, e, mine) {
  const own = e.sender === mine;
  return {
    key: e.cid || `seq-${e.seq}`, seq: e.seq, cid: e.cid ?? "", sender: e.sender ?? "", mine: own,
    time: new Date(e.time), type: e.type, content: e.content, state: own ? c.stateOf(e.seq) : "",
    masked: e.masked ?? false, revised: kindOf(e.revised), reactions: new Map(),
  };
}

/** @param {import("./wire.js").Revised | undefined} revised @returns {Message["revised"]} */
function kindOf(revised) {
  if (!revised) return "";
  return revised.kind === "recall" ? "recall" : "edit";
}

/**
 * @param {Conversation} c
 * @param {import("./outbox.js").Unsent} m
 * @param {string} mine
 * @returns {Message}
 */
export function shownUnsent(c, m, mine) {
  return {
    key: m.cid, seq: 0, cid: m.cid, sender: mine, mine: true, time: new Date(m.time), type: m.type, content: m.content,
    state: unsentState(c, m), error: m.failed, masked: false, revised: "", reactions: new Map(),
    file: m.file, name: m.name, progress: c.outbox.progress(m.cid),
  };
}

/** @param {Conversation} c @param {import("./outbox.js").Unsent} m @returns {MessageState} */
function unsentState(c, m) {
  if (m.failed) return "failed";
  if (m.acked) return "sent";
  return c.outbox.sending(m.cid) && c.session.state === "open" ? "sending" : "queued";
}

/**
 * Puts reactions into the messages that they are about, and edits and recalls that still wait. A reaction comes after
 * its target, so a run that has the target has all of its reactions.
 *
 * @param {Message[]} messages of the run
 * @param {Entry[]} entries
 * @param {import("./outbox.js").Unsent[]} waiting
 * @param {string} mine
 */
export function withChanges(messages, entries, waiting, mine) {
  const bySeq = new Map(messages.map((m) => [m.seq, m]));
  for (const { type, sender = "", content } of entries) if (type === "reaction") react(bySeq.get(content.target), sender, content);
  for (const { type, content } of waiting) {
    const target = bySeq.get(content?.target);
    if (!target) continue;
    if (type === "reaction") react(target, mine, content);
    if (type === "recall") Object.assign(target, { content: { recalled: true }, revised: "recall" });
    if (type === "edit" && target.revised !== "recall") Object.assign(target, { content: { ...target.content, text: content.text }, revised: "edit" });
  }
}

/** @param {Message | undefined} target @param {string} user @param {import("./wire.js").ReactionContent} content */
function react(target, user, { emoji, off }) {
  if (!target || !emoji) return;
  const others = (target.reactions.get(emoji) ?? []).filter((u) => u !== user);
  const users = off ? others : [...others, user];
  if (users.length) target.reactions.set(emoji, users);
  else target.reactions.delete(emoji);
}
