import { client, nameOf } from "./app.js";
import { answerExchange, exchangeValue, reschedule, withdrawExchange } from "./agree.js";
import { ask } from "./dialog.js";
import { h, icon } from "./dom.js";
import { save, view } from "./media.js";
import { bytes, clock, duration, moment, t, whenWords } from "./strings.js";
import { trying } from "./trouble.js";
import { sentence } from "./words.js";

/** Cards of what people send each other and agree on. The entry that brought a thing to where it stands is its card; the steps before are lines. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */
/** @typedef {import("./dom.js").Child} Child */

/** @type {Record<string, import("./dom.js").IconName>} */
const whatIcons = { phone: "phone", wechat: "wechat", resume: "doc" };

/** @param {Conversation} c @param {Message} m @returns {Child} */
export function resumeCard(c, m) {
  const { card, attachment, name, size } = m.content;
  const facts = [card?.city, card?.years > 0 && t("resume.years", { n: card.years }), card?.education, card?.salary].filter(Boolean);
  return h("article", { class: "thing", "aria-label": t("resume.card"), "data-testid": "resume-card" },
    h("p", { class: "card-title" }, icon("doc"), h("strong", {}, card?.title || t("resume.card"))),
    facts.length > 0 && h("p", { class: "muted" }, facts.join(" · ")),
    card?.skills?.length > 0 && h("ul", { class: "tags", "aria-label": t("resume.skills") }, card.skills.map((/** @type {string} */ s) => h("li", { class: "pill" }, s))),
    card?.summary && h("p", { class: "thing-text" }, card.summary),
    attachment && h("p", { class: "muted small" }, [name, size && bytes(size)].filter(Boolean).join(" · ")),
    attachment && m.seq > 0 && h("div", { class: "actions" },
      h("button", { type: "button", class: "plain small", "data-testid": "resume-view", onclick: () => void view(c, m) }, icon("eye"), t("media.view")),
      h("button", { type: "button", class: "plain small", "data-testid": "resume-download", onclick: () => void save(c, m) }, icon("save"), t("media.download"))),
    !attachment && !m.mine && client().role === "headhunter" && h("p", { class: "muted small" }, t("resume.card.only")));
}

/** @param {Conversation} _ @param {Message} m @returns {Child} */
export function jobCard(_, m) {
  const { title, company, city, salary, tags } = m.content;
  return h("article", { class: "thing", "aria-label": t("job.card"), "data-testid": "job-card" },
    h("p", { class: "card-title" }, icon("briefcase"), h("strong", {}, title), salary && h("span", { class: "salary" }, salary)),
    h("p", { class: "muted" }, [company, city].filter(Boolean).join(" · ")),
    tags?.length > 0 && h("ul", { class: "tags", "aria-label": t("job.tags") }, tags.map((/** @type {string} */ s) => h("li", { class: "pill" }, s))));
}

/** @param {Conversation} c @param {Message} m @returns {HTMLElement} */
export function exchangeEntry(c, m) {
  const now = c.exchanges.get(m.content.exchange);
  /** @type {import("../client/wire.js").ExchangeContent} */
  const { what, step } = m.content;
  if (now?.seq !== m.seq || (step !== "requested" && step !== "accepted")) return line(c, m, "exchange-line");
  const asked = now.asker === client().user;
  return row(m, `exchange ${step}`, "exchange-card", t(`exchange.${what}`),
    h("p", { class: "card-title" }, icon(whatIcons[what] ?? "swap"), h("strong", {}, t(`exchange.${what}`)), h("span", { class: "pill" }, t(`exchange.step.${step}`))),
    h("p", { class: "muted" }, sentence(c, m)),
    step === "requested" ? pendingActions(c, now, asked) : acceptedActions(c, now));
}

/** @param {Conversation} c @param {import("../client/exchange.js").Exchange} e @param {boolean} asked */
function pendingActions(c, e, asked) {
  if (asked) return h("div", { class: "actions" }, h("button", { type: "button", class: "plain small", "data-testid": "exchange-withdraw", onclick: () => void withdrawExchange(c, e) }, t("exchange.take_back")));
  return h("div", { class: "actions" },
    h("button", { type: "button", class: "primary", "data-testid": "exchange-accept", onclick: () => void answerExchange(c, e) }, t(e.what === "resume" ? "exchange.send_resume" : "exchange.accept")),
    h("button", { type: "button", class: "plain", "data-testid": "exchange-decline", onclick: () => void trying(() => c.exchanges.decline(e.exchange)) }, t("exchange.decline")));
}

/** @param {Conversation} c @param {import("../client/exchange.js").Exchange} e */
function acceptedActions(c, e) {
  const mine = e.what !== "resume" || client().role === "candidate";
  return h("div", { class: "actions" },
    e.what !== "resume" && exchangeValue(c, e),
    mine && h("button", { type: "button", class: "link", "data-testid": "exchange-withdraw", onclick: () => void withdrawExchange(c, e) }, t("exchange.withdraw")));
}

/** @param {Conversation} c @param {Message} m @returns {HTMLElement} */
export function appointmentEntry(c, m) {
  const now = c.appointments.get(m.content.appointment);
  if (!now || now.seq !== m.seq) return line(c, m, "appointment-line");
  const may = c.appointments.may(now);
  const act = (/** @type {"decline" | "cancel" | "no_show"} */ what) => () => void step(c, now, what);
  return row(m, `appointment ${now.step}`, "appointment-card", t("appointment.card"),
    h("p", { class: "card-title" }, icon("calendar"), h("strong", {}, t("appointment.card")), h("span", { class: "pill" }, t(`appointment.step.${now.step}`))),
    h("p", { class: "when" }, h("time", { datetime: now.at }, whenWords(new Date(now.at))), h("span", { class: "muted" }, duration(now.minutes * 60))),
    now.note && h("p", { class: "thing-text" }, now.note),
    now.step !== "accepted" && h("p", { class: "muted" }, open.has(now.step) ? t(now.by === client().user ? "appointment.by.me" : "appointment.by.other", { name: nameOf(c, now.by ?? "") }) : sentence(c, m)),
    (may.accept || may.decline || may.reschedule || may.cancel || may.noShow) && h("div", { class: "actions" },
      may.accept && h("button", { type: "button", class: "primary", "data-testid": "appointment-accept", onclick: () => void trying(() => c.appointments.accept(now)) }, t("appointment.accept")),
      may.reschedule && h("button", { type: "button", class: "plain", "data-testid": "appointment-reschedule", onclick: () => void reschedule(c, now) }, t("appointment.reschedule")),
      may.decline && h("button", { type: "button", class: "plain", "data-testid": "appointment-decline", onclick: act("decline") }, t("appointment.decline")),
      may.cancel && h("button", { type: "button", class: "plain", "data-testid": "appointment-cancel", onclick: act("cancel") }, t("appointment.cancel")),
      may.noShow && h("button", { type: "button", class: "plain", "data-testid": "appointment-no_show", onclick: act("no_show") }, t("appointment.no_show"))));
}

/** Steps that wait for an answer. */
const open = new Set(["invited", "rescheduled"]);

/** @param {Conversation} c @param {import("../client/appointment.js").Appointment} a @param {"decline" | "cancel" | "no_show"} act */
async function step(c, a, act) {
  const answer = await ask({ title: t(`appointment.${act}.title`), text: t(`appointment.${act}.text`, { when: moment(new Date(a.at)) }), actions: [{ id: "yes", label: t(`appointment.${act}`), kind: "danger" }] });
  if (answer === "yes") await trying(() => c.appointments.act(a.appointment, act));
}

/** What an appointment card shows changes when its time comes. @param {Conversation} c @param {Message} m */
export function agreedVersion(c, m) {
  if (m.type === "exchange") return c.exchanges.get(m.content.exchange)?.seq ?? 0;
  const now = m.type === "appointment" && c.appointments.get(m.content.appointment);
  return now ? JSON.stringify([now.seq, c.appointments.may(now)]) : "";
}

/** @param {Conversation} c @param {Message} m @returns {HTMLElement} */
export function callEntry(c, m) {
  const { state, duration_ms, recorded } = m.content;
  return row(m, `phone-call ${state}`, "call-card", t("phone.card"),
    h("p", { class: "card-title" }, icon("phone"), h("strong", {}, t("phone.card")), h("span", { class: "pill" }, t(`phone.${state === "answered" ? "answered" : state === "missed" ? "missed" : "failed"}`))),
    h("p", { class: "muted" }, [sentence(c, m), duration_ms > 0 && duration(duration_ms / 1000), recorded && t("phone.recorded")].filter(Boolean).join(" · ")));
}

/** @param {Message} m @param {string} kind @param {string} id @param {string} label @param {...Child} children */
function row(m, kind, id, label, ...children) {
  return h("li", { class: "card-row", "data-seq": m.seq, tabindex: -1 },
    h("article", { class: `card ${kind}`, "aria-label": label, "data-testid": id, "data-step": m.content.step ?? m.content.state }, children,
      h("time", { class: "card-time muted", datetime: m.time.toISOString() }, clock(m.time))));
}

/** @param {Conversation} c @param {Message} m @param {string} id */
function line(c, m, id) {
  return h("li", { class: "system", "data-testid": id, "data-step": m.content.step, "data-seq": m.seq, tabindex: -1 }, h("span", {}, sentence(c, m)), h("time", { datetime: m.time.toISOString() }, clock(m.time)));
}

