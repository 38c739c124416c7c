import { client, go } from "./app.js";
import { h, icon } from "./dom.js";
import { clock, duration, t, tOr } from "./strings.js";
import { saveReceipt } from "./receipt.js";
import { reasonWords, sentence } from "./words.js";

/** The card of an interview in a conversation: what state it is in, who has agreed, and the way in or to the play-back. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */
/** @typedef {import("../client/index.js").Interview} Interview */

/**
 * The entry that opened an interview is its card while it lasts; the entry that ended it is the card afterwards; the
 * others are lines.
 *
 * @param {Conversation} c
 * @param {Message} m
 * @returns {HTMLElement}
 */
export function interviewCard(c, m) {
  const interview = client().interviews.get(m.content.interview);
  if (m.content.state === "ended") return endedCard(c, m);
  if (m.content.state === "open" && interview && interview.state !== "ended") return openCard(c, m, interview);
  return h("li", { class: "system", "data-testid": "interview-line", "data-seq": m.seq, tabindex: -1 }, h("span", {}, sentence(c, m)), h("time", { datetime: m.time.toISOString() }, clock(m.time)));
}

/** @param {Conversation} c @param {Message} m @param {Interview} interview */
function openCard(c, m, interview) {
  const live = interview.state === "live";
  return card(m, "open",
    h("p", { class: "card-title" }, icon("video"), h("strong", {}, t("interview.card")), h("span", { class: `pill ${live ? "recording" : ""}` }, t(`interview.state.${interview.state}`))),
    h("p", { class: "muted" }, sentence(c, m)),
    h("ul", { class: "consents" }, interview.info.participants.map((p) => consentLine(interview, p))),
    h("div", { class: "actions" }, h("button", {
      type: "button", class: "primary", "data-testid": "interview-enter",
      onclick: () => go({ view: "interview", interview: interview.id }),
    }, t(interview.seat === "out" ? "interview.enter" : "interview.return"))));
}

/** @param {Interview} interview @param {import("../client/interview.js").Participant} p */
function consentLine(interview, p) {
  const name = p === interview.self ? t("interview.you") : p.name;
  return h("li", { class: `consent ${p.consent}` }, h("span", {}, name), h("span", { class: "consent-word" }, tOr(`interview.consent.${p.consent}`, "interview.consent.asked")));
}

/** @param {Conversation} c @param {Message} m */
function endedCard(c, m) {
  const { interview, reason, duration_ms } = m.content;
  const happened = Boolean(duration_ms) || client().interviews.receipt(interview) !== null;
  return card(m, "ended",
    h("p", { class: "card-title" }, icon("video"), h("strong", {}, t("interview.card")), h("span", { class: "pill" }, t("interview.state.ended"))),
    h("p", { class: "muted" }, [duration_ms ? t("interview.duration", { duration: duration(duration_ms / 1000) }) : t("interview.never"), reasonWords(reason)].join(" · ")),
    happened && h("div", { class: "actions" },
      h("button", { type: "button", class: "primary", "data-testid": "interview-play", onclick: () => go({ view: "play", interview, conversation: c.id }) }, icon("play"), t("interview.play")),
      h("button", { type: "button", class: "plain", "data-testid": "interview-receipt", onclick: () => void saveReceipt(interview) }, icon("save"), t("interview.receipt"))));
}

/** @param {Message} m @param {string} state @param {...import("./dom.js").Child} children */
function card(m, state, ...children) {
  return h("li", { class: "card-row", "data-seq": m.seq, tabindex: -1 },
    h("article", { class: `card ${state}`, "data-testid": "interview-card", "data-state": state, "data-interview": m.content.interview, "aria-label": t("interview.card") }, children,
      h("time", { class: "card-time muted", datetime: m.time.toISOString() }, clock(m.time))));
}
