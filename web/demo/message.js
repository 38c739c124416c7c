import { client, nameOf } from "./app.js";
import { h, icon } from "./dom.js";
import { clock, t } from "./strings.js";
import { interviewCard } from "./card.js";
import { sentence } from "./words.js";

/** One entry of a conversation: a bubble, a card or a line of the system. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

/** @type {Record<string, import("./dom.js").IconName>} */
const stateIcons = { queued: "clock", sending: "clock", sent: "check", delivered: "checks", read: "checks", failed: "alert" };

/** What this page can show; anything newer is said to be so. */
const known = new Set(["text", "interview", "system"]);

/**
 * @param {Conversation} c
 * @param {Message} m
 * @param {boolean} last whether it is the last of its sender's row: then it shows its time
 * @returns {HTMLElement}
 */
export function messageElement(c, m, last) {
  const { type } = m;
  const element = type === "text" || !known.has(type) ? bubble(c, m, last) : type === "interview" ? interviewCard(c, m) : systemLine(c, m);
  element.dataset.key = m.key;
  return element;
}

/** What an element depends on: while it is the same, the element stays. @param {Conversation} c @param {Message} m @param {boolean} last */
export function messageVersion(c, m, last) {
  const live = m.type === "interview" ? JSON.stringify([client().interviews.get(m.content.interview)?.info, client().interviews.receipt(m.content.interview) !== null]) : "";
  const names = m.type === "text" ? "" : c.members.map((x) => x.name).join();
  return [m.seq, m.state, last, m.error?.id, live, names].join("|");
}

/** @param {Conversation} c @param {Message} m @param {boolean} last */
function bubble(c, m, last) {
  return h("li", { class: `message ${m.mine ? "mine" : "theirs"} ${last ? "last" : ""}`, "data-state": m.state, "data-testid": "message", "data-seq": m.seq || false },
    h("span", { class: "spoken" }, m.mine ? t("interview.you") : nameOf(c, m.sender)),
    h("div", { class: `bubble ${m.content?.erased || m.type !== "text" ? "blank" : ""}` }, sentence(c, m)),
    (last || m.state === "failed" || m.state === "queued") && foot(c, m));
}

/** @param {Conversation} c @param {Message} m */
function foot(c, m) {
  return h("div", { class: "foot" },
    m.state === "failed" && trouble(c, m),
    h("time", { datetime: m.time.toISOString() }, clock(m.time)),
    m.mine && h("span", { class: `mark ${m.state}`, "data-testid": "state" }, icon(stateIcons[m.state] ?? "check"), h("span", {}, stateWord(m))));
}

/** @param {Message} m */
function stateWord(m) {
  return m.state ? t(`state.${m.state}`) : "";
}

/** @param {Conversation} c @param {Message} m */
function trouble(c, m) {
  const { outbox } = client().chat;
  return h("span", { class: "trouble" },
    h("span", {}, m.error?.text?.[document.documentElement.lang.slice(0, 2)] ?? ""),
    h("button", { type: "button", class: "link", "data-testid": "retry", onclick: () => outbox.retry(m.cid) }, t("app.retry")),
    h("button", { type: "button", class: "link", "data-testid": "discard", onclick: () => outbox.discard(m.cid) }, t("state.failed.discard")));
}

/** @param {Conversation} c @param {Message} m */
function systemLine(c, m) {
  return h("li", { class: "system", "data-testid": "system-line" }, h("span", {}, sentence(c, m)), h("time", { datetime: m.time.toISOString() }, clock(m.time)));
}
