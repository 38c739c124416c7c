import { client, nameOf } from "./app.js";
import { duration, lang, moment, t, timer, tOr } from "./strings.js";

/** Entries of a conversation as sentences. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

/** @param {Conversation} c @param {Message} m @returns {string} one line for the list */
export function lastLine(c, m) {
  const line = snippet(c, m);
  return m.mine && spoken.has(m.type) && !m.content?.recalled ? t("chat.you", { text: line }) : line;
}

/** What people say, in contrast to what the server writes of them. */
const spoken = new Set(["text", "picture", "voice", "video", "file", "resume", "job"]);

/** @param {Conversation} c @param {Message} m @returns {string} the entry in one line, whatever it is */
export function snippet(c, m) {
  return sentence(c, m).replaceAll(/\s+/g, " ");
}

/** @param {Conversation} c @param {Message} m @returns {string} */
export function sentence(c, m) {
  if (m.content?.erased) return t("chat.erased");
  if (m.content?.recalled) return m.mine ? t("recalled.me") : t("recalled.other", { name: nameOf(c, m.sender) });
  return (sentences[m.type] ?? (() => t("chat.unsupported")))(c, m);
}

/** @type {Record<string, (c: Conversation, m: Message) => string>} */
const sentences = {
  text: (_, m) => String(m.content.text ?? ""),
  edit: (_, m) => String(m.content.text ?? ""),
  recall: (c, m) => (m.mine ? t("recalled.me") : t("recalled.other", { name: nameOf(c, m.sender) })),
  reaction: (_, m) => t("reaction.line", { emoji: m.content.emoji ?? "" }),
  picture: (_, m) => labelled(t("media.picture"), m.content.text),
  video: (_, m) => labelled(t("media.video"), m.content.text),
  voice: (_, m) => labelled(t("media.voice"), m.content.duration_ms ? timer(Math.max(1, m.content.duration_ms / 1000)) : ""),
  file: (_, m) => labelled(t("media.file"), m.content.text || m.content.name || m.name),
  resume: (_, m) => labelled(t("resume.card"), m.content.card?.title),
  job: (_, m) => labelled(t("job.card"), m.content.title),
  exchange: (c, m) => stepLine(c, `exchange.${m.content.what}.${offered(c, m) ? "offered" : m.content.step}`, m.content),
  appointment: (c, m) => stepLine(c, `appointment.line.${m.content.step}`, m.content),
  call: (_, m) => t(m.content.by === client().user ? "phone.by.me" : "phone.by.other"),
  interview: (c, m) => interviewLine(c, m),
  system: (c, m) => systemLine(c, m),
};

/** @param {string} kind @param {string} [words] */
function labelled(kind, words) {
  return words ? t("media.labelled", { kind, words }) : t("media.alone", { kind });
}

/** A candidate who begins with a resume offers it, the others ask for it. @param {Conversation} c @param {Message} m */
function offered(c, { content: { what, step, by } }) {
  return what === "resume" && step === "requested" && c.member(by)?.role === "candidate";
}

/** A step as one's own, the other side's, or nobody's. @param {Conversation} c @param {string} key @param {{ by?: string, at?: string }} step */
function stepLine(c, key, { by, at }) {
  const who = !by ? "none" : by === client().user ? "me" : "other";
  const values = { name: nameOf(c, by ?? ""), when: at ? moment(new Date(at)) : "" };
  return tOr(`${key}.${who}`, "system.unknown", values);
}

/** @param {Conversation} c @param {Message} m */
function systemLine(c, m) {
  const { code, user, company = "", text } = m.content;
  if (code === "message" && text) return text[lang()] ?? text.zh ?? "";
  if (code.startsWith("resume_")) return tOr(`system.${code}`, "system.unknown", { company: company || nameOf(c, user ?? "") });
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
