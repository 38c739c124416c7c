import { client, otherName } from "./app.js";
import { ask, tell } from "./dialog.js";
import { h, icon } from "./dom.js";
import { fillIn } from "./form.js";
import { resumeForm } from "./resume.js";
import { t } from "./strings.js";
import { confirming, troubled, trying } from "./trouble.js";
import { uuidv7 } from "../client/ids.js";

/** What two sides agree on: exchanges and when to meet. Each function asks the person for what is needed and then the server. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/exchange.js").Exchange} Exchange */

/** The one of whom the server says that it is no phone number and no trick is the server's to judge; this only helps typing. */
const wechatID = "[A-Za-z][A-Za-z0-9_\\-]{5,19}";

/** @param {string} title @returns {Promise<string | null>} one's own WeChat id */
async function wechat(title) {
  const given = await fillIn({
    title, text: t("wechat.text"), submit: t("wechat.submit"),
    fields: [{ name: "value", label: t("wechat.label"), hint: t("wechat.hint"), pattern: wechatID, required: true, most: 20 }],
  });
  return given && String(given.get("value")).trim();
}

/** @param {Conversation} c */
export async function askPhone(c) {
  const answer = await ask({ title: t("exchange.phone"), text: t("phone.ask", { name: otherName(c) }), actions: [{ id: "ask", label: t("exchange.request"), kind: "primary" }] });
  if (answer === "ask") await request(c, "phone", {});
}

/** @param {Conversation} c */
export async function askWechat(c) {
  const value = await wechat(t("exchange.wechat"));
  if (value) await request(c, "wechat", { value });
}

/** A recruiter or headhunter asks for a resume; a candidate sends one. @param {Conversation} c */
export async function askResume(c) {
  if (client().role === "candidate") return sendResume(c);
  const answer = await ask({ title: t("resume.ask.title"), text: t("resume.ask", { name: otherName(c) }), actions: [{ id: "ask", label: t("exchange.request"), kind: "primary" }] });
  if (answer === "ask") await request(c, "resume", {});
}

/** @param {Conversation} c */
async function sendResume(c) {
  const resume = await resumeForm(c);
  if (resume) c.sendResume(resume.card, resume.file);
}

/** @param {Conversation} c @param {import("../client/wire.js").What} what @param {import("../client/exchange.js").Given} given */
async function request(c, what, given) {
  const cid = uuidv7();
  await confirming((confirmed) => c.exchanges.request(what, { cid, ...given, ...(confirmed && { confirmed }) }));
}

/** @param {Conversation} c @param {Exchange} e */
export async function answerExchange(c, e) {
  const given = await toGive(c, e.what);
  if (given) await confirming((confirmed) => c.exchanges.accept(e.exchange, { ...given, ...(confirmed && { confirmed }) }));
}

/** @param {Conversation} c @param {import("../client/wire.js").What} what @returns {Promise<import("../client/exchange.js").Given | null>} null when it was given up */
async function toGive(c, what) {
  if (what === "wechat") {
    const value = await wechat(t("wechat.accept", { name: otherName(c) }));
    return value ? { value } : null;
  }
  if (what !== "resume" || client().role !== "candidate") return {};
  const resume = await resumeForm(c);
  if (!resume) return null;
  const { card, file } = resume;
  if (!file) return { card };
  const attachment = await trying(() => client().uploads.put({ conversation: c.id, kind: "resume", file, name: file.name }));
  return attachment ? { card, attachment } : null;
}

/** @param {Conversation} c @param {Exchange} e */
export async function withdrawExchange(c, e) {
  const held = e.step === "accepted";
  const answer = await ask({
    title: t(held ? "exchange.withdraw.title" : "exchange.take_back.title"), text: t(held ? `exchange.withdraw.${e.what}` : "exchange.take_back.text"),
    actions: [{ id: "withdraw", label: t(held ? "exchange.withdraw" : "exchange.take_back"), kind: "danger" }],
  });
  if (answer === "withdraw") await trying(() => c.exchanges.withdraw(e.exchange));
}

/** What was given is asked for when somebody wants to see it, and never kept. @param {Conversation} c @param {Exchange} e */
export function exchangeValue(c, e) {
  const place = h("span", { class: "given" });
  const show = async () => {
    try {
      const { value = "" } = await c.exchanges.read(e.exchange);
      place.replaceChildren(h("strong", { class: "mono", "data-testid": "exchange-value" }, value), copyButton(value));
    } catch (error) {
      troubled(error);
    }
  };
  place.append(h("button", { type: "button", class: "plain small", "data-testid": "exchange-show", onclick: () => void show() }, icon("eye"), t(e.what === "phone" ? "phone.show" : "wechat.show")));
  return place;
}

/** @param {string} value */
function copyButton(value) {
  return h("button", { type: "button", class: "round quiet", "aria-label": t("app.copy"), title: t("app.copy"), onclick: () => void copy(value) }, icon("copy"));
}

/** @param {string} text */
export async function copy(text) {
  await navigator.clipboard.writeText(text).then(() => tell(t("app.copied")), troubled);
}

/** @param {Conversation} c */
export async function invite(c) {
  const when = await chooseTime(t("appointment.invite"), t("appointment.invite.submit"), new Date(nextHour()), 45);
  const cid = uuidv7();
  if (when) await confirming((confirmed) => c.appointments.invite({ ...when, cid, confirmed }));
}

/** @param {Conversation} c @param {import("../client/appointment.js").Appointment} a */
export async function reschedule(c, a) {
  const when = await chooseTime(t("appointment.reschedule"), t("appointment.reschedule.submit"), new Date(a.at), a.minutes);
  if (when) await confirming((confirmed) => c.appointments.reschedule(a.appointment, { ...when, confirmed }));
}

/** @param {string} title @param {string} submit @param {Date} at @param {number} minutes */
async function chooseTime(title, submit, at, minutes) {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  const given = await fillIn({
    title, submit,
    fields: [
      { name: "date", label: t("appointment.date"), type: "date", value: local.slice(0, 10), from: new Date().toLocaleDateString("sv"), required: true },
      { name: "time", label: t("appointment.time"), type: "time", value: local.slice(11, 16), required: true },
      { name: "minutes", label: t("appointment.minutes"), type: "number", value: minutes, least: 5, most: 480, required: true },
      { name: "note", label: t("appointment.note"), type: "long", hint: t("appointment.note.hint"), most: 160 },
    ],
  });
  if (!given) return null;
  return { at: new Date(`${given.get("date")}T${given.get("time")}`), minutes: Number(given.get("minutes")), note: String(given.get("note") ?? "").trim() };
}

/** The full hour after the next one, so that there is time to answer. */
function nextHour() {
  return Math.ceil(Date.now() / 3_600_000 + 1) * 3_600_000;
}
