import { client, nameOf } from "./app.js";
import { interviewCard } from "./card.js";
import { agreedVersion, appointmentEntry, callEntry, exchangeEntry, jobCard, resumeCard } from "./cards.js";
import { h, icon } from "./dom.js";
import { mediaOf } from "./media.js";
import { clock, lang, percent, t } from "./strings.js";
import { snippet, sentence } from "./words.js";

/** One entry of a conversation: a bubble, a card or a line of the system. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

/**
 * @typedef {object} Acts what a message asks of the conversation around it
 * @property {(m: Message, anchor: HTMLElement) => void} menu
 * @property {(seq: number) => void} jump shows another message
 * @property {(m: Message) => void} rewrite puts what was recalled into the composer
 */

/** @type {Record<string, import("./dom.js").IconName>} */
const stateIcons = { queued: "clock", sending: "clock", sent: "check", delivered: "checks", read: "checks", failed: "alert" };

/** @type {Record<string, (c: Conversation, m: Message) => HTMLElement>} */
const entries = { interview: interviewCard, exchange: exchangeEntry, appointment: appointmentEntry, call: callEntry, system: systemLine };
const media = new Set(["picture", "voice", "video", "file"]);
/** @type {Record<string, (c: Conversation, m: Message) => import("./dom.js").Child>} */
const things = { resume: resumeCard, job: jobCard };

/**
 * @param {Conversation} c
 * @param {Message} m
 * @param {boolean} last whether it is the last of its sender's row: then it shows its time
 * @param {Acts} acts
 * @returns {HTMLElement}
 */
export function messageElement(c, m, last, acts) {
  const element = m.content?.recalled ? recalledLine(c, m, acts) : (entries[m.type]?.(c, m) ?? bubble(c, m, last, acts));
  element.dataset.key = m.key;
  return element;
}

/** What an element depends on: while it is the same, the element stays. @param {Conversation} c @param {Message} m @param {boolean} last */
export function messageVersion(c, m, last) {
  const live = m.type === "interview" ? JSON.stringify([client().interviews.get(m.content.interview)?.info, client().interviews.receipt(m.content.interview) !== null]) : agreedVersion(c, m);
  const names = m.type === "text" ? "" : c.members.map((x) => x.name).join();
  if (entries[m.type]) return [lang(), m.seq, m.revised, live, names].join("|"); // what was read out on a card stays when others read it
  const progress = m.progress === undefined ? "" : Math.round(m.progress * 100);
  return [lang(), m.seq, m.state, last, m.error?.id, m.revised, m.revised && m.content.text, JSON.stringify([...m.reactions]), progress, m.content.duration_ms, names].join("|");
}

/** @param {Conversation} c @param {Message} m @param {boolean} last @param {Acts} acts */
function bubble(c, m, last, acts) {
  const more = h("button", { type: "button", class: "message-more round", tabindex: -1, "aria-label": t("message.menu"), title: t("message.menu"), "data-testid": "message-menu", onclick: () => acts.menu(m, more) }, icon("more"));
  return h("li", { class: `message ${m.mine ? "mine" : "theirs"} ${last ? "last" : ""}`, "data-state": m.state, "data-testid": "message", "data-type": m.type, "data-seq": m.seq || false, tabindex: -1 },
    h("span", { class: "spoken" }, m.mine ? t("interview.you") : nameOf(c, m.sender)),
    h("div", { class: "bubble-row" }, body(c, m, acts), m.seq > 0 && !m.content?.erased && more),
    reactions(c, m),
    (last || m.state === "failed" || m.state === "queued" || m.progress !== undefined || m.revised || m.masked) && foot(c, m));
}

/** @param {Conversation} c @param {Message} m @param {Acts} acts */
function body(c, m, acts) {
  const blank = m.content?.erased || !(m.type === "text" || media.has(m.type) || things[m.type]);
  if (blank) return h("div", { class: "bubble blank" }, sentence(c, m));
  const quoted = m.content.reply > 0 && quote(c, m.content.reply, acts);
  if (m.type === "text") return h("div", { class: "bubble" }, quoted, sentence(c, m));
  const held = things[m.type]?.(c, m) ?? mediaOf(c, m);
  return h("div", { class: `bubble held of-${m.type}` }, quoted, held, m.content.text && h("p", { class: "caption" }, m.content.text));
}

/** @param {Conversation} c @param {number} seq @param {Acts} acts */
function quote(c, seq, acts) {
  const about = c.messages().find((x) => x.seq === seq);
  const name = about && (about.mine ? t("interview.you") : nameOf(c, about.sender));
  return h("button", { type: "button", class: "quote", "data-testid": "quote", onclick: () => acts.jump(seq) },
    name && h("strong", {}, name), h("span", { class: "cut" }, about ? snippet(c, about) : t("reply.earlier")));
}

/** @param {Conversation} c @param {Message} m */
function reactions(c, m) {
  if (!m.reactions.size) return null;
  const me = client().user;
  return h("div", { class: "reactions", role: "group", "aria-label": t("reaction.label") }, [...m.reactions].map(([emoji, users]) => {
    const mine = users.includes(me);
    const names = users.map((u) => (u === me ? t("interview.you") : nameOf(c, u))).join(lang() === "zh" ? "、" : ", ");
    return h("button", { type: "button", class: "reaction", "aria-pressed": String(mine), title: names, "data-testid": "reaction", onclick: () => c.react(m.seq, emoji, !mine) },
      h("span", {}, emoji), users.length > 1 && h("span", {}, users.length), h("span", { class: "spoken" }, names));
  }));
}

/** @param {Conversation} c @param {Message} m */
function foot(c, m) {
  return h("div", { class: "foot" },
    m.state === "failed" && trouble(c, m),
    m.masked && h("span", { class: "mark", title: t("message.masked.why") }, icon("shield"), h("span", {}, t("message.masked"))),
    m.revised === "edit" && h("span", { "data-testid": "edited" }, t("message.edited")),
    m.progress !== undefined && m.state !== "failed" && uploading(m.progress),
    h("time", { datetime: m.time.toISOString() }, clock(m.time)),
    m.mine && h("span", { class: `mark ${m.state}`, "data-testid": "state" }, icon(stateIcons[m.state] ?? "check"), h("span", {}, stateWord(m))));
}

/** @param {number} part */
function uploading(part) {
  return h("span", { class: "uploading", "data-testid": "uploading" }, h("progress", { max: 1, value: part, "aria-label": t("media.uploading") }), h("span", { class: "clock" }, percent(part)));
}

/** @param {Message} m */
function stateWord(m) {
  return m.state ? t(`state.${m.state}`) : "";
}

/** @param {Conversation} c @param {Message} m */
function trouble(c, m) {
  const { outbox } = client().chat;
  return h("span", { class: "trouble" },
    h("span", {}, m.error?.text?.[lang()] ?? ""),
    h("button", { type: "button", class: "link", "data-testid": "retry", onclick: () => outbox.retry(m.cid) }, t("app.retry")),
    h("button", { type: "button", class: "link", "data-testid": "discard", onclick: () => outbox.discard(m.cid) }, t("state.failed.discard")));
}

/** @param {Conversation} c @param {Message} m @param {Acts} acts */
function recalledLine(c, m, acts) {
  const again = m.mine && c.recalled(m.seq);
  return h("li", { class: "system", "data-testid": "recalled", "data-seq": m.seq || false, tabindex: -1 }, h("span", {}, sentence(c, m)),
    again && h("button", { type: "button", class: "link", "data-testid": "rewrite", onclick: () => acts.rewrite(m) }, t("message.rewrite")),
    h("time", { datetime: m.time.toISOString() }, clock(m.time)));
}

/** @param {Conversation} c @param {Message} m */
function systemLine(c, m) {
  return h("li", { class: "system", "data-testid": "system-line", "data-code": m.content.code, "data-seq": m.seq, tabindex: -1 }, h("span", {}, sentence(c, m)), h("time", { datetime: m.time.toISOString() }, clock(m.time)));
}
