import { client, nameOf } from "./app.js";
import { duration, t, tOr } from "./strings.js";

/** Entries of a conversation as sentences. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

/** @param {Conversation} c @param {Message} m @returns {string} one line for the list */
export function lastLine(c, m) {
  const line = sentence(c, m);
  return m.mine && m.type === "text" ? t("chat.you", { text: line }) : line;
}

/** @param {Conversation} c @param {Message} m @returns {string} */
export function sentence(c, m) {
  if (m.content?.erased) return t("chat.erased");
  return (sentences[m.type] ?? (() => t("chat.unsupported")))(c, m);
}

/** @type {Record<string, (c: Conversation, m: Message) => string>} */
const sentences = {
  text: (_, m) => String(m.content.text ?? ""),
  interview: (c, m) => interviewLine(c, m),
  system: (c, m) => systemLine(c, m),
};

/** @param {Conversation} c @param {Message} m */
function systemLine(c, m) {
  const { code, user } = m.content;
  if (!user) return tOr(`system.${code}`, "system.unknown");
  const who = user === client().user ? "me" : "other";
  return tOr(`system.${code}.${who}`, "system.unknown", { name: nameOf(c, user) });
}

/** @param {Conversation} c @param {Message} m */
function interviewLine(c, m) {
  const { state, duration_ms } = m.content;
  if (state === "live") return t("interview.live");
  if (state === "ended") return `${t("interview.card")} · ${duration_ms ? t("interview.duration", { duration: duration(duration_ms / 1000) }) : t("interview.never")}`;
  if (m.mine) return t("interview.opened.me");
  const opener = c.others.find((o) => o.role !== "candidate");
  return opener ? t("interview.opened", { name: opener.name }) : openedByMe(c);
}

/** The system writes the entry: one who is no candidate must have asked for it. @param {Conversation} c */
function openedByMe(c) {
  return c.self?.role === "candidate" ? t("interview.opened.any") : t("interview.opened.me");
}

/** @param {string | undefined} reason why an interview ended */
export function reasonWords(reason) {
  return reason ? tOr(`interview.reason.${reason}`, "interview.state.ended") : t("interview.state.ended");
}
